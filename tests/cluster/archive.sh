#!/bin/bash
# Makes an archive of a container image with one layer, without a builder: archive.sh FOLDER ARCHIVE NAME [COMMAND...]
set -euo pipefail

root=$1 archive=$2 name=$3
shift 3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

tar --create --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 --directory="$root" --file="$work/layer.tar" .
command=$(printf '"%s", ' "$@")
layer=$(sha256sum <"$work/layer.tar" | cut -d ' ' -f 1)
cat >"$work/config.json" <<-END
	{"architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/bin"], "Cmd": [${command%, }]},
	 "rootfs": {"type": "layers", "diff_ids": ["sha256:$layer"]}}
END
cat >"$work/manifest.json" <<-END
	[{"Config": "config.json", "RepoTags": ["$name"], "Layers": ["layer.tar"]}]
END
tar --create --directory="$work" --file="$archive" manifest.json config.json layer.tar
