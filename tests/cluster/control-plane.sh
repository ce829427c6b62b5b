# etcd, the API server, controllers and the scheduler; sourced after settings.sh, processes.sh and certificates.sh.

# The first port from the given one on where nobody listens.
free_port() {
	local port=$1
	while (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do ((++port)); done
	echo "$port"
}

start_etcd() {
	local clients peers
	clients=http://127.0.0.1:$(free_port 23790)
	peers=http://127.0.0.1:$(free_port 23800)
	etcd_address=$clients
	# A crash of the machine loses the data, which nobody would look at.
	start etcd "$cache/etcd/etcd" --data-dir=etcd --unsafe-no-fsync --log-level=warn \
		--listen-client-urls="$clients" --advertise-client-urls="$clients" \
		--listen-peer-urls="$peers" --initial-advertise-peer-urls="$peers" --initial-cluster=default="$peers"
}

start_api_server() {
	local certificates=$state/certificates
	start kube-apiserver "$kubernetes/kube-apiserver" --etcd-servers="$etcd_address" \
		--advertise-address="$node_address" --secure-port="$api_port" \
		--tls-cert-file="$certificates/server.crt" --tls-private-key-file="$certificates/server.key" \
		--token-auth-file=tokens.csv --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
		--service-account-issuer=https://kubernetes.default.svc.cluster.local \
		--service-account-key-file="$certificates/server.crt" --service-account-signing-key-file="$certificates/server.key" \
		--service-cluster-ip-range="$service_network" --allow-privileged=true --profiling=false \
		--kubelet-client-certificate="$certificates/kubelet-client.crt" --kubelet-client-key="$certificates/kubelet-client.key" \
		--kubelet-preferred-address-types=InternalIP \
		--requestheader-client-ca-file="$certificates/authority.crt" --requestheader-allowed-names=front-proxy \
		--requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group \
		--requestheader-extra-headers-prefix=X-Remote-Extra- \
		--proxy-client-cert-file="$certificates/front-proxy.crt" --proxy-client-key-file="$certificates/front-proxy.key"
}

start_controllers() {
	local certificates=$state/certificates
	start kube-controller-manager "$kubernetes/kube-controller-manager" --kubeconfig=controller-manager.kubeconfig \
		--bind-address=127.0.0.1 --leader-elect=false --use-service-account-credentials=true --profiling=false \
		--root-ca-file="$certificates/authority.crt" --service-account-private-key-file="$certificates/server.key" \
		--cluster-signing-cert-file="$certificates/authority.crt" --cluster-signing-key-file="$certificates/authority.key" \
		--flex-volume-plugin-dir="$state/kubelet/volume-plugins" --horizontal-pod-autoscaler-sync-period=5s
	start kube-scheduler "$kubernetes/kube-scheduler" --kubeconfig=scheduler.kubeconfig \
		--bind-address=127.0.0.1 --leader-elect=false --profiling=false
}
