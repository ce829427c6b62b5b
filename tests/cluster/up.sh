#!/bin/bash
# Starts a real Kubernetes of one node on this machine: up.sh CACHE
#
# Prints the commands that make kubectl and others use it, and nothing else, on stdout. Where KUBECONFIG names a cluster
# that answers, that one is used; where this one runs already, it is left as it is.
set -euo pipefail

cache=$1
source "$(dirname "$(readlink -f "$0")")/settings.sh"
source "$here/processes.sh"
source "$here/certificates.sh"
source "$here/network.sh"
source "$here/control-plane.sh"
source "$here/node.sh"

print_environment() {
	echo "export KUBECONFIG=$1"
	[ -n "$(type -P kubectl)" ] || echo "export PATH=$kubernetes:\$PATH"
	[ -n "$(type -P helm)" ] || echo "export PATH=$helm:\$PATH"
}

is_reachable() {
	KUBECONFIG=$1 timeout 10 "$kubernetes/kubectl" get --raw /readyz >/dev/null 2>&1
}

# Whether all of the cluster is there.
is_up() {
	local name
	for name in etcd kube-apiserver kube-controller-manager kube-scheduler containerd kubelet kube-proxy; do
		runs "$name" || return 1
	done
	is_reachable "$state/admin.kubeconfig"
}

need_root() {
	if [ "$(uname -s)" != Linux ] || [ "$(id -u)" != 0 ]; then
		fail "a cluster on this machine needs root on Linux; or name another one: export KUBECONFIG=..."
	fi
}

apply_addons() {
	local name addon_version
	for name in "${addons[@]}"; do
		addon_version=$(addon_version "$name")
		echo "---"
		render "$here/addons/$name/manifest.yaml"
	done | kubectl apply --filename - >/dev/null
}

remember_outside() {
	local folder
	for folder in "${outside[@]}"; do
		[ -e "$folder" ] || echo "$folder"
	done >"$state/outside"
}

# Building takes a quarter of an hour, so what will not do is said before.
[ -n "${KUBECONFIG-}" ] || need_root
"$here/install.sh" "$cache"
[ -x "$kubernetes/kubectl" ] || fail "no cluster: Kubernetes' programs are missing"
if [ -n "${KUBECONFIG-}" ] && [ "$KUBECONFIG" != "$state/admin.kubeconfig" ] && is_reachable "$KUBECONFIG"; then
	say "using the cluster of KUBECONFIG"
	print_environment "$KUBECONFIG"
	exit
fi
need_root

exec 9>"$cache/.cluster.lock"
flock 9
if is_up; then
	say "the cluster runs already"
	print_environment "$state/admin.kubeconfig"
	exit
fi
if [ -e "$state" ]; then
	say "removing what is left of an earlier cluster"
	"$here/down.sh" "$cache"
fi
"$here/packages.sh" containerd runc bridge-plugin iptables conntrack busybox ip openssl setsid
"$here/install.sh" "$cache" addons
for name in "${addons[@]}"; do
	[ -e "$cache/$name-$(addon_version "$name")/image.tar" ] || fail "no cluster: $name is missing"
done
! has_foreign_chains ||
	fail "another Kubernetes, or another user of CNI networks, is on this machine: use its cluster (export KUBECONFIG=...), or end it"

SECONDS=0
mkdir -p "$state"/{logs,pids,volumes}
remember_outside
api_port=$(free_port 6443)
make_certificates
make_users
make_network
start_etcd
start_api_server
start_containerd
import_images
wait_until 120 "the API server" kubectl get --raw /readyz
start_controllers
start_node
apply_addons
wait_until 120 "the node" kubectl wait --for=condition=Ready node/localhost --timeout=1s
wait_until 120 "the cluster's DNS" kubectl wait --for=condition=Available deployment/coredns --namespace kube-system --timeout=1s
wait_until 120 "the cluster's storage" \
	kubectl wait --for=condition=Available deployment/local-path-provisioner --namespace local-path-storage --timeout=1s
wait_until 30 "the account that pods have" kubectl get serviceaccount default
say "Kubernetes $kubernetes_version runs, after $SECONDS s; make cluster-down ends it"
print_environment "$state/admin.kubeconfig"
