#!/bin/bash
# Builds the images of the programs that cargo has built, and gives them to the test cluster: build.sh CACHE [IMAGE...]
#
# IMAGE is operator, cpu, gpu or tools (what tests run in pods); without one it is operator and cpu. Whichever of docker,
# podman and buildah is there builds. PROGRAMS names another folder than target/release: tests take target/debug, which
# they have at hand.
set -euo pipefail

cache=$(readlink -f "$1")
shift
(($#)) || set -- operator cpu
here=$(dirname "$(readlink -f "$0")")
checkout=$(readlink -f "$here/../..")
cd "$checkout"
dist=$checkout/dist
openvino=$cache/openvino-$(sed -nE 's/^openvino==([^ ]+).*/\1/p' server/openvino-runtime/openvino.requirements.txt)
version=$(sed -nE 's/^version = "(.*)"/\1/p' Cargo.toml | head -n 1)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
label=org.opencontainers.image

choose_builder() {
	if docker info >/dev/null 2>&1; then
		builder=docker
	elif podman info >/dev/null 2>&1; then
		builder=podman
	else
		"$checkout/tests/cluster/packages.sh" buildah
		builder=buildah
		# Other isolations need privileges that machines inside machines may lack.
		export BUILDAH_ISOLATION=chroot
	fi
}

# Sees to it that debian:SUITE-slim is there: from its registry, else from Debian's packages.
need_base() {
	local suite=$1 image=docker.io/library/debian:$1-slim archive=$cache/debian-$1-slim.tar container
	! has_image "$image" || return 0
	! timeout 120 "$builder" pull "$image" >/dev/null 2>&1 || return 0
	if [ ! -e "$archive" ]; then
		echo "no registry has $image for this machine: making it of Debian's packages" >&2
		"$checkout/tests/cluster/packages.sh" mmdebstrap
		"$here/base.sh" "$suite" "$archive"
	fi
	if [ "$builder" = buildah ]; then
		container=$(buildah from scratch)
		buildah add --quiet "$container" "$archive" / >/dev/null
		buildah config --cmd bash "$container"
		buildah commit --quiet "$container" "$image" >/dev/null
		buildah rm "$container" >/dev/null
	else
		"$builder" import "$archive" "$image" >/dev/null
	fi
}

has_image() {
	case $builder in
	buildah) buildah inspect --type image "$1" >/dev/null 2>&1 ;;
	*) "$builder" image inspect "$1" >/dev/null 2>&1 ;;
	esac
}

# Builds one image: build TAG DOCKERFILE [ARGUMENT...]
build() {
	local tag=$1 file=$2 command=(build)
	shift 2
	[ "$builder" != buildah ] || command=(bud --pull-never)
	# The one before would stay, without a name.
	"$builder" rmi "docker.io/library/$tag" >/dev/null 2>&1 || true
	"$builder" "${command[@]}" --file "$file" --tag "docker.io/library/$tag" "$@" \
		--label $label.version="$version" --label $label.revision="$revision" \
		--label $label.source=https://github.com/embedserve/embedserve --label $label.licenses=Apache-2.0 "$dist" >"$dist.log" 2>&1 ||
		{ tail -n 20 "$dist.log" >&2; exit 1; }
	rm "$dist.log"
}

# Writes the image's archive into the cache and prints its sizes; compressed, which takes long, only for release builds.
save() {
	local tag=$1 archive=$cache/images/${1//:/-}.tar
	mkdir -p "$cache/images"
	rm -f "$archive"
	case $builder in
	buildah) buildah push --quiet "docker.io/library/$tag" "docker-archive:$archive:docker.io/library/$tag" ;;
	*) "$builder" save --output "$archive" "docker.io/library/$tag" ;;
	esac
	printf '%-24s %4d MB' "$tag" "$(($(stat --format %s "$archive") / 1000000))"
	[ -n "${PROGRAMS-}" ] || printf ', %3d MB compressed' "$(($(gzip -c "$archive" | wc -c) / 1000000))"
	echo
	if [ -S "$cache/cluster/containerd.sock" ]; then
		"$checkout/tests/cluster/import.sh" "$cache" "$archive"
		echo "  imported into the cluster"
	fi
}

choose_builder
"$here/dist.sh" "${PROGRAMS:-target/release}" "$openvino" "$dist"
for image; do
	case $image in
	operator)
		need_base bookworm
		build embedserve-operator:dev operator/Dockerfile
		save embedserve-operator:dev
		;;
	cpu)
		need_base bookworm
		build embedserve:dev server/Dockerfile --target cpu
		save embedserve:dev
		;;
	gpu)
		need_base forky
		build embedserve:dev-gpu server/Dockerfile --target gpu
		save embedserve:dev-gpu
		;;
	tools)
		need_base bookworm
		"$here/tools.sh" "${PROGRAMS:-target/release}" "$cache" "$dist/tools"
		build embedserve-tools:dev tests/images/tools.Dockerfile
		save embedserve-tools:dev
		;;
	*)
		echo "no image $image: operator, cpu, gpu or tools" >&2
		exit 1
		;;
	esac
done
