#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Drives every RPC of souk.v1 from Python, with stubs made from the .proto files alone.
# timeout: 240
#     tests/interop/python.sh BUILD_DIR [NAME...]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
build=$1
shift
python=/usr/bin/python3
plugin=$(command -v grpc_python_plugin || true)
if [ -z "$plugin" ] || ! $python -c 'import grpc, google.protobuf' 2>/dev/null; then
    echo "python3-grpcio or grpc_python_plugin is missing; run deploy/install-deps"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/stubs"
(cd "$top/proto" &&
    protoc -I . -I /usr/include --python_out="$work/stubs" --grpc_python_out="$work/stubs" \
        --plugin=protoc-gen-grpc_python="$plugin" souk/v1/*.proto google/rpc/*.proto)
(cd /usr/share/grpc-proto &&
    protoc -I . -I /usr/include --python_out="$work/stubs" --grpc_python_out="$work/stubs" \
        --plugin=protoc-gen-grpc_python="$plugin" grpc/health/v1/health.proto \
        grpc/reflection/v1/reflection.proto grpc/reflection/v1alpha/reflection.proto)
$python "$here/python/main.py" "$build/bin/soukd" "$work" "$@"
