#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
# A Python client, made by protoc from the .proto files alone, calls the echo server.
set -u
build=${1:?the build folder}
top=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

if ! /usr/bin/python3 -c 'import grpc, google.protobuf' 2>/dev/null; then
    echo "python3-grpcio or python3-protobuf is not installed"
    exit 77
fi
if ! command -v grpc_python_plugin >/dev/null; then
    echo "grpc_python_plugin (protobuf-compiler-grpc) is not installed"
    exit 77
fi
standard=/usr/share/grpc-proto
mkdir "$folder/stubs"
protoc -I "$top/proto" -I "$top" -I "$standard" -I /usr/include \
    --python_out="$folder/stubs" --grpc_python_out="$folder/stubs" \
    --plugin=protoc-gen-grpc_python="$(command -v grpc_python_plugin)" \
    "$top/tests/unit/rpc/echo.proto" "$top/proto/google/rpc/status.proto" \
    "$top/proto/google/rpc/error_details.proto" "$standard/grpc/health/v1/health.proto" \
    "$standard/grpc/reflection/v1/reflection.proto" \
    "$standard/grpc/reflection/v1alpha/reflection.proto" || exit 1
# A package named grpc would hide grpcio's own.
mkdir -p "$folder/stubs/standard"
find "$folder/stubs" -name '*.py' -exec sed -i -E \
    -e 's/^from grpc\.(health|reflection)\./from standard.\1./' {} +
mv "$folder/stubs/grpc/health" "$folder/stubs/grpc/reflection" "$folder/stubs/standard/"
rmdir "$folder/stubs/grpc"
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$folder/stubs" \
    /usr/bin/python3 "$top/tests/interop/echo/client.py" "$build/bin/tests/echo_server"
