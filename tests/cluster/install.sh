#!/bin/bash
# Puts the Kubernetes programs that tests need into a cache folder: install.sh FOLDER [addons|device-plugin]
#
# The API server and etcd are enough for most tests; a cluster with nodes has addons too, and a device plugin on request.
# Kubernetes and Helm are built from Go modules, once; etcd is Debian's. Nothing is installed on the machine and nothing is
# started. What cannot be had is named with its remedy, and the tests that need it say that they are skipped.
set -euo pipefail

cache=$1
source "$(dirname "$(readlink -f "$0")")/settings.sh"

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

# Whether a folder of the cache was made from a Go module as it is now, with these flags: is_built FOLDER MODULE [FLAGS]
is_built() {
	[ "$(key_of "${@:2}")" = "$(cat "$cache/$1/.complete" 2>/dev/null)" ]
}

key_of() (
	cd "$here/$1"
	shopt -s nullglob
	sha256sum go.mod go.sum ./*.go | sed 's| \./| |'
	[ -z "${2-}" ] || echo "$2"
)

require_go() {
	command -v go >/dev/null || skip "Go is missing: get 1.24 or newer from https://go.dev/dl, then make kubernetes"
	go version | grep -qE ' go1\.(2[4-9]|[3-9][0-9])' ||
		skip "Go is older than 1.24 ($(go env GOVERSION)): get a newer one from https://go.dev/dl, then make kubernetes"
	export GOFLAGS="-mod=readonly -buildvcs=false" GOWORK=off
}

# Compiles a program of a Go module: compile MODULE PACKAGE OUTPUT LINKER-FLAGS
compile() {
	require_go
	cd "$here/$1"
	local total
	total=$(go list -deps "$2" | wc -l)
	go build -v -trimpath -o "$3" -ldflags "-s -w $4" "$2" 2>&1 | count_packages "$total"
}

# Puts what was made into the cache: keep FOLDER MODULE [FLAGS]
keep() {
	key_of "${@:2}" >"$work/$1/.complete"
	rm -rf "${cache:?}/$1"
	mv -T "$work/$1" "$cache/$1"
}

build_kubernetes() {
	local version=$kubernetes_version folder=${kubernetes##*/} name
	! is_built "$folder" kube || return 0
	echo "building Kubernetes $version into $cache/$folder, once: about 15 minutes on two cores, and 9 GB for Go's caches" >&2
	# Without its version the API server would call itself v0.0.0, which charts refuse.
	local package=k8s.io/component-base/version minor=${version#*.}
	compile kube . "$work/$folder/kube" "-X $package.gitVersion=v$version -X $package.gitMajor=${version%%.*} -X $package.gitMinor=${minor%%.*}"
	for name in $("$work/$folder/kube" --names); do ln -s kube "$work/$folder/$name"; done
	keep "$folder" kube
}

# Helm, and the version of Kubernetes that it renders charts for where nobody says one: that of the API server.
build_helm() {
	local folder=${helm##*/} major=${kubernetes_version%%.*} minor=${kubernetes_version#*.} version package flags
	version=${folder#helm-}
	flags="-X helm.sh/helm/v3/internal/version.version=v$version"
	for package in pkg/chartutil pkg/lint/rules; do
		flags+=" -X helm.sh/helm/v3/$package.k8sVersionMajor=$major"
		flags+=" -X helm.sh/helm/v3/$package.k8sVersionMinor=${minor%%.*}"
	done
	! is_built "$folder" helm "$flags" || return 0
	echo "building Helm $version into $cache/$folder, once: about 3 minutes on two cores" >&2
	CGO_ENABLED=0 compile helm helm.sh/helm/v3/cmd/helm "$work/$folder/helm" "$flags"
	keep "$folder" helm "$flags"
}

# Copies the definitions of other projects' kinds that the chart and models use.
fetch_definitions() {
	! is_built definitions definitions || return 0
	require_go
	echo "fetching definitions of other projects' kinds into $cache/definitions" >&2
	cd "$here/definitions"
	mkdir "$work/definitions"
	copy_definitions github.com/prometheus-operator/prometheus-operator example/prometheus-operator-crd podmonitors prometheusrules
	copy_definitions sigs.k8s.io/gateway-api config/crd/standard httproutes
	keep definitions definitions
}

# copy_definitions MODULE FOLDER KIND...
copy_definitions() {
	local module=$1 folder=$2 kind
	shift 2
	go mod download "$module"
	for kind; do
		cp --no-preserve=mode "$(go list -m -f '{{.Dir}}' "$module")/$folder/"*"_$kind.yaml" "$work/definitions"
	done
}

# Builds what runs in the cluster's pods, as the archive of an image: build_addon NAME PACKAGE
build_addon() {
	local version folder
	version=$(addon_version "$1")
	folder=$1-$version
	! is_built "$folder" "addons/$1" || return 0
	echo "building $1 $version into $cache/$folder, once: about 3 minutes on two cores" >&2
	CGO_ENABLED=0 compile "addons/$1" "$2" "$work/$1.files/$1" ""
	mkdir "$work/$folder"
	"$here/archive.sh" "$work/$1.files" "$work/$folder/image.tar" "localhost/$1:$version" "/$1"
	keep "$folder" "addons/$1"
}

# Builds what gives the cluster's node GPUs that it does not have.
build_device_plugin() {
	! is_built device-plugin device-plugin || return 0
	echo "building the device plugin into $cache/device-plugin, once: about a minute on two cores" >&2
	CGO_ENABLED=0 compile device-plugin . "$work/device-plugin/device-plugin" ""
	keep device-plugin device-plugin
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
build_helm
fetch_definitions
case ${2-} in
addons)
	build_addon coredns .
	build_addon local-path-provisioner github.com/rancher/local-path-provisioner
	build_addon metrics-server sigs.k8s.io/metrics-server/cmd/metrics-server
	;;
device-plugin) build_device_plugin ;;
esac
