#!/bin/bash
# Fills the folder that the image of the tests' tools is built from: tools.sh PROGRAMS CACHE FOLDER
set -euo pipefail

programs=$1 cache=$2 folder=$3
mkdir -p "$folder"
install --strip --target-directory="$folder" "$programs/in_cluster"
cp -r "$cache/all-MiniLM-L6-v2" "$folder"
cp -rT "$cache"/python-client-openai-* "$folder/python"
rm "$folder"/*/.complete
