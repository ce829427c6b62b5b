#!/bin/bash
# Ends a process of the cluster that up.sh started, and starts it again as it was some seconds later:
# restart.sh CACHE NAME SECONDS
set -euo pipefail

cache=$1 name=$2 away=$3
source "$(dirname "$(readlink -f "$0")")/settings.sh"
source "$here/processes.sh"

runs "$name" || fail "there is no $name that make cluster started"
mapfile -d '' -t words <"/proc/$(<"$state/pids/$name")/cmdline"
end_named "$name"
sleep "$away"
start "$name" "${words[@]}"
wait_until 60 "the API server" kubectl get --raw /readyz
