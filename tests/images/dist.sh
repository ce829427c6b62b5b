#!/bin/bash
# Fills the folder that images are built from: dist.sh PROGRAMS OPENVINO FOLDER
#
# The programs are those that cargo has built; of OpenVINO comes what serves embeddings, and nothing else.
set -euo pipefail

programs=$1 openvino=$2 folder=$3
checkout=$(dirname "$(readlink -f "$0")")/../..
cd "$checkout"

# A model is read by a front end: IR as pulls write it, ONNX as some hubs have it. The CPU plugin computes, on TBB.
libraries=(
	libopenvino.so.* libopenvino_c.so.* libopenvino_ir_frontend.so.* libopenvino_onnx_frontend.so.*
	libopenvino_intel_cpu_plugin.so libtbb.so.* libtbbmalloc.so.* libtbbbind_2_5.so.* libhwloc.so.*
)
# The second is what the GPU plugin knows about kernels of known models.
gpu_libraries=(libopenvino_intel_gpu_plugin.so cache.json)

rm -rf "$folder"
mkdir -p "$folder"/{openvino,openvino-gpu}
install --strip --target-directory="$folder" "$programs/embedserve" "$programs/embedserve-operator"
cp LICENSE "$folder"
for library in "${libraries[@]}"; do cp --no-dereference "$openvino"/$library "$folder/openvino"; done
for library in "${gpu_libraries[@]}"; do cp --no-dereference "$openvino/$library" "$folder/openvino-gpu"; done
python3 tests/images/sbom.py embedserve "$openvino" >"$folder/embedserve.spdx.json"
python3 tests/images/sbom.py operator >"$folder/embedserve-operator.spdx.json"
