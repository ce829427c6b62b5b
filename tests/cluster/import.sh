#!/bin/bash
# Puts images into the cluster that up.sh started, from archives of docker, podman or buildah: import.sh CACHE ARCHIVE...
set -euo pipefail

cache=$1
shift
source "$(dirname "$(readlink -f "$0")")/settings.sh"
source "$here/processes.sh"
source "$here/node.sh"

runs containerd || fail "no cluster runs: make cluster"
for archive; do
	containerd_control images import "$archive" >/dev/null
done
