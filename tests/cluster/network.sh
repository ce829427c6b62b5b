# Bridges, kernel settings and firewall chains; sourced after settings.sh.

make_network() {
	modprobe br_netfilter 2>/dev/null || true
	[ -e /proc/sys/net/bridge ] || fail "the kernel has no br_netfilter: modprobe br_netfilter, as root"
	remember_sysctls
	ip link add "$node_bridge" type bridge
	ip address add "$node_address/32" dev "$node_bridge"
	ip link set "$node_bridge" up
	# Until kube-proxy knows a Service, what is sent to it ends here instead of leaving the machine.
	ip route add "$service_network" dev "$node_bridge" src "$node_address"
	set_sysctl net.ipv4.ip_forward 1
	set_sysctl net.bridge.bridge-nf-call-iptables 1
	# NodePorts are reachable on 127.0.0.1.
	set_sysctl net.ipv4.conf.all.route_localnet 1
	mkdir -p "$state/networks"
	render "$here/templates/network.conflist" >"$state/networks/embedserve.conflist"
}

# Whether another Kubernetes, or something with the same kind of network, is on this machine.
has_foreign_chains() {
	has_chains iptables-save
}

# Whether what the command prints has chains of kube-proxy or of CNI plugins.
has_chains() {
	local rules
	rules=$("$1" 2>/dev/null) && grep -qE '^:(KUBE|CNI)-' <<<"$rules"
}

remember_sysctls() {
	local name file
	for name in "${sysctls[@]}"; do
		file=/proc/sys/${name//./\/}
		[ ! -e "$file" ] || echo "$name $(<"$file")"
	done >"$state/sysctls"
}

set_sysctl() {
	local file=/proc/sys/${1//./\/}
	[ "$(cat "$file")" = "$2" ] || echo "$2" >"$file"
}

remove_network() {
	local bridge name value save
	for bridge in "$pod_bridge" "$node_bridge"; do
		! ip link show "$bridge" >/dev/null 2>&1 || ip link delete "$bridge"
	done
	for save in iptables-save ip6tables-save; do
		# Tables without such chains are left alone.
		! has_chains "$save" || "$save" 2>/dev/null | grep -vE '(KUBE|CNI)-' | "${save%-save}-restore"
	done
	[ ! -e "$state/sysctls" ] || while read -r name value; do set_sysctl "$name" "$value"; done <"$state/sysctls"
}
