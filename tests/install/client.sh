#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 60
# What cmake --install leaves behind serves a stranger's program: pkg-config finds libsouk,
# C and C++ compile against its headers alone, and only souk_ symbols can be seen.
set -eu
build=${1:?the build folder}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cmake --install "$build" --prefix "$folder/usr" > "$folder/log" || {
    tail -n 20 "$folder/log"
    exit 1
}
PKG_CONFIG_PATH=$(dirname "$(find "$folder/usr" -name souk.pc)")
export PKG_CONFIG_PATH
cat > "$folder/use.c" << 'END'
#include <souk/souk.h>
#include <stdio.h>

int main(void)
{
    static struct souk_client_options options;
    struct souk_error error = SOUK_ERROR_INIT;
    struct souk_client *client = NULL;
    options.addresses = "127.0.0.1:1";
    if (souk_client_open(&options, &client, &error) != SOUK_OK) {
        return 1;
    }
    souk_client_close(client);
    puts(souk_version());
    return 0;
}
END
cp "$folder/use.c" "$folder/use.cc"
# The example that client/README.md shows, as it stands there.
top=$(cd "$(dirname "$0")/../.." && pwd)
sed -n 's/^    //p; s/^$//p' "$top/client/README.md" > "$folder/shop.c"
cp "$folder/shop.c" "$folder/shop.cc"
read -r -a flags <<< "$(pkg-config --cflags --libs souk)"
LD_LIBRARY_PATH=$(pkg-config --variable=libdir souk)
export LD_LIBRARY_PATH
wanted=$(pkg-config --modversion souk)
for compiler in "cc -std=c99 -Wall -Wextra -Werror $folder/use.c" "c++ -Wall -Wextra -Werror $folder/use.cc"; do
    $compiler -o "$folder/use" "${flags[@]}"
    told=$("$folder/use")
    [ "$told" = "$wanted" ] || {
        echo "souk_version() is $told, souk.pc says $wanted"
        exit 1
    }
done
for compiler in "cc -std=c99 -pedantic -Wall -Wextra -Werror $folder/shop.c" \
    "c++ -pedantic -Wall -Wextra -Werror $folder/shop.cc"; do
    $compiler -o "$folder/shop" "${flags[@]}"
done
foreign=$(nm -D --defined-only "$LD_LIBRARY_PATH/libsouk.so" | awk '{print $3}' | grep -v '^souk_' || true)
[ -z "$foreign" ] || {
    echo "libsouk.so shows more than souk_ symbols:" $(echo "$foreign" | head -n 20)
    exit 1
}
for program in soukd souk; do
    [ -x "$folder/usr/bin/$program" ] || {
        echo "$program was not installed"
        exit 1
    }
done
