# The cluster's certificates, tokens and kubeconfigs; sourced after settings.sh.

make_certificates() (
	mkdir -p "$state/certificates"
	cd "$state/certificates"
	local curve=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365)
	openssl req -x509 "${curve[@]}" -keyout authority.key -out authority.crt -subj /CN=embedserve-test-cluster \
		-addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
	sign server /CN=kube-apiserver \
		"DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,IP:127.0.0.1,IP:$node_address,IP:$api_service"
	# The API server is known to the kubelet, and to the API servers behind it, by these two.
	sign kubelet-client /O=system:masters/CN=kube-apiserver DNS:kubelet-client
	sign front-proxy /CN=front-proxy DNS:front-proxy
)

# Signs a certificate: sign NAME SUBJECT ALTERNATIVE-NAMES
sign() {
	openssl req "${curve[@]}" -keyout "$1.key" -out "$1.csr" -subj "$2" 2>/dev/null
	openssl x509 -req -in "$1.csr" -out "$1.crt" -CA authority.crt -CAkey authority.key -CAcreateserial -days 365 \
		-extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$3") 2>/dev/null
	rm "$1.csr"
}

# Users have random tokens, because the API server listens on the machine's addresses too.
make_users() {
	: >"$state/tokens.csv"
	chmod 600 "$state/tokens.csv"
	make_user admin admin system:masters
	make_user controller-manager system:kube-controller-manager
	make_user scheduler system:kube-scheduler
	make_user proxy system:kube-proxy
	make_user kubelet system:node:localhost system:nodes
}

# Writes a token and the kubeconfig that has it: make_user FILE USER [GROUP]
make_user() {
	local token authority
	token=$(openssl rand -hex 16)
	authority=$(base64 -w 0 "$state/certificates/authority.crt")
	echo "$token,$2,$2,\"${3-}\"" >>"$state/tokens.csv"
	(umask 077 && render "$here/templates/kubeconfig.yaml" >"$state/$1.kubeconfig")
}
