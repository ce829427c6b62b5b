#!/bin/bash
# Ends the cluster that up.sh started, or what a crash left of it, and removes all that it made: down.sh CACHE
set -euo pipefail

cache=$1
source "$(dirname "$(readlink -f "$0")")/settings.sh"
source "$here/processes.sh"
source "$here/network.sh"
source "$here/node.sh"

# up.sh hands its lock over with the call.
{ true >&9; } 2>/dev/null || { exec 9>"$cache/.cluster.lock"; flock 9; }
if [ ! -e "$state" ]; then
	say "no cluster runs"
	exit
fi
[ "$(id -u)" = 0 ] || fail "only root can end the cluster"

end_named kubelet kube-proxy kube-scheduler kube-controller-manager
end_pods
end_named containerd kube-apiserver etcd
unmount_all
# Deleting through a mount would delete what is mounted.
! has_mounts || fail "not removed, because something is still mounted there: $state; once more: make cluster-down"
remove_cgroups
remove_network
[ ! -e "$state/outside" ] || while read -r folder; do rm -rf --one-file-system "$folder"; done <"$state/outside"
rm -rf /var/lib/cni/results/embedserve-*
rm -rf --one-file-system "$state"
say "the cluster is gone"
