#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# presets: release
# timeout: 60
# The client that the top README shows, run as it stands there against a fresh node.
set -eu
bin=$1/bin
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/souk-readme-XXXXXX")
server=""

finish() {
  if [ -n "$server" ]; then
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap finish EXIT

for needed in protoc grpc_python_plugin; do
  command -v "$needed" >/dev/null || {
    echo "probe failed: no $needed"
    exit 77
  }
done
sed -n '/^```python$/,/^```$/p' "$top/README.md" | sed '1d;$d' >"$work/client.py"
[ -s "$work/client.py" ] || {
  echo "not ok - the README shows no Python client"
  exit 1
}
mkdir "$work/py"
(cd "$top" && protoc -I proto --python_out="$work/py" --grpc_python_out="$work/py" \
  --plugin=protoc-gen-grpc_python="$(command -v grpc_python_plugin)" proto/souk/v1/*.proto)

"$bin/soukd" --dir "$work/data" --port 0 --log-level warn &
server=$!
for _ in $(seq 400); do
  [ -s "$work/data/ports.json" ] && break
  kill -0 "$server"
  sleep 0.05
done
port=$(/usr/bin/python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["client"])' \
  "$work/data/ports.json")

said=$(PYTHONPATH="$work/py" /usr/bin/python3 "$work/client.py" "127.0.0.1:$port")
echo "$said"
case "$said" in
*"available now: 1") echo "ok - the README's client holds two of three mugs" ;;
*)
  echo "not ok - the README's client: three mugs less two held leave one"
  exit 1
  ;;
esac
