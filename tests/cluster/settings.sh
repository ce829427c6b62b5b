# What all scripts of the test cluster agree on; sourced by them with the cache folder as $cache.
#
# The machine has one such cluster at most: its addresses, bridges and firewall chains are the machine's.

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
mkdir -p "$cache"
cache=$(readlink -f "$cache")
# Everything that the cluster writes; the processes that it starts have it as their working directory.
state=$cache/cluster

kubernetes_version=$(sed -nE 's|^require k8s\.io/kubernetes v||p' "$here/kube/go.mod")
kubernetes=$cache/kubernetes-$kubernetes_version
helm=$cache/helm-$(sed -nE 's|^.*helm\.sh/helm/v3 v([^ ]+).*|\1|p' "$here/helm/go.mod")
addons=(coredns local-path-provisioner metrics-server)

# The node's address is on a bridge of its own, because the loopback address is not reachable from pods.
node_bridge=embedserve0
node_address=10.200.0.1
pod_bridge=embedserve1
pod_network=10.244.0.0/24
service_network=10.96.0.0/16
api_service=10.96.0.1
dns_service=10.96.0.10

sysctls=(
	net.ipv4.ip_forward net.ipv4.conf.all.route_localnet net.bridge.bridge-nf-call-iptables
	vm.overcommit_memory vm.panic_on_oom kernel.panic kernel.panic_on_oops kernel.keys.root_maxkeys kernel.keys.root_maxbytes
)
# Folders outside of $state that the kubelet and containerd cannot be talked out of.
outside=(/var/lib/kubelet /var/lib/cni /var/log/containers /run/containerd /run/flannel /etc/cni /opt/cni /opt/containerd)

say() {
	echo "$*" >&2
}

fail() {
	say "$*"
	exit 1
}

# The version of an addon, as its go.mod has it.
addon_version() {
	sed -nE "s|.*/$1 v([0-9.]+).*|\1|p" "$here/addons/$1/go.mod"
}

# Prints a template with each @name@ replaced by the variable of that name.
render() {
	local text name
	text=$(<"$1")
	for name in $(grep -oE '@[a-z_]+@' "$1" | tr -d @ | sort -u); do text=${text//"@$name@"/"${!name}"}; done
	printf '%s\n' "$text"
}

# Calls kubectl as the cluster's administrator.
kubectl() {
	"$kubernetes/kubectl" --kubeconfig "$state/admin.kubeconfig" "$@"
}
