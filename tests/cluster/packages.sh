#!/bin/bash
# Sees to it that programs are there: packages.sh PROGRAM...
#
# On Debian root gets them from apt-get; elsewhere the remedy is named. Files are tested for where the name of a
# program says too little.
set -euo pipefail

declare -A package=(
	[containerd]=containerd [runc]=runc [iptables]=iptables [conntrack]=conntrack [busybox]=busybox-static [ip]=iproute2
	[bridge-plugin]=containernetworking-plugins [openssl]=openssl [buildah]=buildah [mmdebstrap]=mmdebstrap
	[setsid]=util-linux
)

is_there() {
	case $1 in
	bridge-plugin) [ -x /usr/lib/cni/bridge ] ;;
	# In images there are no libraries for a dynamic one.
	busybox) command -v busybox >/dev/null && ! ldd "$(command -v busybox)" >/dev/null 2>&1 ;;
	*) command -v "$1" >/dev/null ;;
	esac
}

missing=()
for program; do
	is_there "$program" || missing+=("${package[$program]}")
done
((${#missing[@]})) || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
	echo "installing ${missing[*]} with apt-get" >&2
	export DEBIAN_FRONTEND=noninteractive
	# Package lists that are missing or old are the usual reason for a first failure.
	apt-get install --quiet=2 --yes --no-install-recommends "${missing[@]}" >/dev/null 2>&1 ||
		{ apt-get update --quiet=2 && apt-get install --quiet=2 --yes --no-install-recommends "${missing[@]}" >/dev/null; }
else
	echo "missing: as root, apt-get install ${missing[*]}" >&2
	exit 1
fi
