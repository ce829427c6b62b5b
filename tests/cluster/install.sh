#!/bin/bash
# Puts the Kubernetes programs that tests need into a cache folder: install.sh FOLDER
#
# Kubernetes is built from Go modules, once; etcd is Debian's. Nothing is installed on the machine and nothing is
# started. What cannot be had is named with its remedy, and the tests that need it say that they are skipped.
set -euo pipefail

cache=$1
sources=$(dirname "$(readlink -f "$0")")/kube
version=$(sed -nE 's|^require k8s\.io/kubernetes v||p' "$sources/go.mod")
mkdir -p "$cache"

# Two of these at once would build the same for a quarter of an hour each.
exec 9>"$cache/.kubernetes.lock"
flock 9
work=$(mktemp -d "$cache/.fetch-XXXXXX")
trap 'rm -rf "$work"' EXIT

skip() {
	echo "skipped: tests with a Kubernetes API server, because $1" >&2
	exit 0
}

# Prints how many packages are compiled instead of each one's name, and everything else as it is.
count_packages() {
	local line done=0
	while IFS= read -r line; do
		if [[ ! $line =~ ^[A-Za-z0-9_.~/-]+$ ]]; then
			echo "$line"
		elif ((++done % 100 == 0)); then
			echo "  $done of at most $1 packages"
		fi
	done >&2
}

build_kubernetes() {
	local folder=$cache/kubernetes-$version key total name
	key=$(cd "$sources" && sha256sum go.mod go.sum main.go)
	[ "$key" != "$(cat "$folder/.complete" 2>/dev/null)" ] || return 0
	command -v go >/dev/null || skip "Go is missing: get 1.24 or newer from https://go.dev/dl, then make kubernetes"
	go version | grep -qE ' go1\.(2[4-9]|[3-9][0-9])' ||
		skip "Go is older than 1.24 ($(go env GOVERSION)): get a newer one from https://go.dev/dl, then make kubernetes"
	echo "building Kubernetes $version into $folder, once: about 15 minutes on two cores, and 9 GB for Go's caches" >&2
	cd "$sources"
	export GOFLAGS="-mod=readonly -buildvcs=false" GOWORK=off
	total=$(go list -deps . | wc -l)
	# Without its version the API server would call itself v0.0.0, which charts refuse.
	local package=k8s.io/component-base/version minor=${version#*.}
	go build -v -trimpath -o "$work/kubernetes/kube" -ldflags "-s -w -X $package.gitVersion=v$version \
		-X $package.gitMajor=${version%%.*} -X $package.gitMinor=${minor%%.*}" . 2>&1 | count_packages "$total"
	for name in $("$work/kubernetes/kube" --names); do ln -s kube "$work/kubernetes/$name"; done
	echo "$key" >"$work/kubernetes/.complete"
	rm -rf "$folder"
	mv -T "$work/kubernetes" "$folder"
}

fetch_etcd() {
	local folder=$cache/etcd package
	[ ! -e "$folder/.complete" ] || return 0
	mkdir "$work/etcd"
	if command -v etcd >/dev/null; then
		ln -s "$(command -v etcd)" "$work/etcd/etcd"
	else
		command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
			skip "etcd is missing: get it from https://etcd.io/docs/latest/install, then make kubernetes"
		echo "fetching etcd into $folder" >&2
		cd "$work"
		download_etcd || { [ "$(id -u)" = 0 ] && apt-get update --quiet=2 && download_etcd; } ||
			skip "etcd cannot be fetched: apt-get update && apt-get install etcd-server, then make kubernetes"
		for package in "$work"/*.deb; do dpkg-deb --extract "$package" "$work/unpacked"; done
		mv "$work"/unpacked/usr/bin/* "$work/etcd"
	fi
	touch "$work/etcd/.complete"
	rm -rf "$folder"
	mv -T "$work/etcd" "$folder"
}

# Unpacking it by hand installs no service, and needs no root.
download_etcd() {
	apt-get download --quiet=2 -o APT::Sandbox::User="$(id -un)" etcd-server etcd-client
}

fetch_etcd
build_kubernetes
