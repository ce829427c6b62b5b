#!/bin/bash
# Makes the files of the image debian:SUITE-slim from Debian's packages, where no registry has it: base.sh SUITE ARCHIVE
#
# What the slim images leave out is left out here too: documentation, manuals and translations.
set -euo pipefail

suite=$1 archive=$2
exclude=(/usr/share/{doc,man,info,locale,groff,lintian,linda}/'*')
work=$(mktemp -d "$(dirname "$archive")/.fetch-XXXXXX")
trap 'rm -rf "$work"' EXIT
# The builder's other user must reach what root makes.
chmod 755 "$work"

# Debian 12 would take Perl along to merge /bin into /usr, in a new system that can begin merged.
merged=()
[ "$suite" != bookworm ] || merged=(--include=usr-is-merged --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr)

# A mirror that lags behind is still signed, and good enough for an image that nobody publishes.
TMPDIR=$work mmdebstrap --quiet --variant=minbase --components=main \
	--aptopt='Acquire::Languages "none"' --aptopt='Acquire::Check-Valid-Until "false"' \
	"${merged[@]}" "${exclude[@]/#/--dpkgopt=path-exclude=}" --dpkgopt='path-include=/usr/share/doc/*/copyright' \
	--customize-hook='rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/* "$1"/var/log/*' \
	"$suite" "$work/base.tar" >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; exit 1; }
mv "$work/base.tar" "$archive"
