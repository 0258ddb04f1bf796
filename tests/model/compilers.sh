#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# presets: release
# timeout: 300
# parallel: yes
# One log, applied by binaries of gcc -O0, gcc -O2 and clang -O2, makes the same bytes:
# every row, every digest on the way, every outcome.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/souk-compilers-XXXXXX")
trap 'rm -rf "$work"' EXIT

clang=""
for name in clang clang-14 clang-15 clang-16 clang-17 clang-18 clang-19; do
  if command -v "$name" >/dev/null; then
    clang=$name
    break
  fi
done

sources=("$top"/shard/inventory/*.c "$top"/shard/base/*.c "$top/shard/storage/key.c"
         "$top/shard/storage/store_batch.c" "$top/tests/lib/memory_store.c"
         "$top/tests/model/apply_bytes.c")

# build NAME COMPILER...: the program's output is $work/NAME.
build() {
  local name=$1
  shift
  mkdir "$work/$name.o"
  for source in "${sources[@]}"; do
    "$@" -std=c17 -D_GNU_SOURCE -DNDEBUG -I"$top" -c "$source" \
      -o "$work/$name.o/$(basename "$(dirname "$source")")_$(basename "$source").o"
  done
  "$@" "$work/$name.o"/*.o -pthread -lxxhash -o "$work/$name.program"
  "$work/$name.program" >"$work/$name"
}

build gcc-O0 gcc -O0
build gcc-O2 gcc -O2
[ "$(wc -l <"$work/gcc-O0")" -gt 1000 ] || { echo "the log left too few rows" >&2; exit 1; }
cmp "$work/gcc-O0" "$work/gcc-O2"
if [ -z "$clang" ]; then
  echo "probe failed: no clang on the PATH; gcc -O0 and gcc -O2 agree"
  exit 77
fi
build clang "$clang" -O2
cmp "$work/gcc-O0" "$work/clang"
echo "$(wc -l <"$work/clang") lines, the same from gcc -O0, gcc -O2 and $clang -O2"
