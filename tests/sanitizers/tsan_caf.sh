#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# usage: tsan_caf.sh DEST: builds CAF 0.17.6 under ThreadSanitizer and installs it as a static library in DEST, once.
# Debian's libcaf_core.so is not instrumented: its mailbox atomics look like races to TSan. Exit status 1 and a sentence
# when the source cannot be had.
set -eu
dest=$1
version=0.17.6
[ ! -e "$dest/.complete" ] || exit 0

rm -rf "$dest"
mkdir -p "$dest/work/lists/partial" "$dest/work/cache/archives/partial"
cd "$dest/work"

# apt with a source list and directories of its own: works without root and leaves the machine's lists alone.
codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
  "http://deb.debian.org/debian $codename main" >sources.list
own_apt() {
  apt-get -q -o Dir::Etc::SourceList="$PWD/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::State::Lists="$PWD/lists" -o Dir::Cache="$PWD/cache" -o APT::Sandbox::User="$(id -un)" "$@"
}
# --tar-only: the upstream tarball is all we need, and Debian's own part has been missing from mirrors.
if ! { own_apt update && own_apt source --download-only --tar-only "actor-framework"; } >apt.log 2>&1; then
  echo "tsan_caf: no source of actor-framework $version to be had from Debian ($PWD/apt.log)" >&2
  exit 1
fi
tarball=$(ls "actor-framework_$version"*.orig.tar.* 2>/dev/null | head -n 1)
[ -n "$tarball" ] || { echo "tsan_caf: Debian's actor-framework is not $version any more" >&2; exit 1; }

mkdir source
tar -xf "$tarball" -C source --strip-components=1
# Upstream forgot this include; g++ 11 and later refuse the file without it.
sed -i '0,/#include/s//#include <limits>\n#include/' source/libcaf_io/caf/io/network/receive_buffer.hpp

echo "tsan_caf: building CAF $version under ThreadSanitizer, a few minutes, once"
cmake -S source -B build -G Ninja -DCMAKE_INSTALL_PREFIX="$dest" -DCMAKE_INSTALL_LIBDIR=lib \
  -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_FLAGS="-fsanitize=thread -std=c++17 -O1 -g1" \
  -DCAF_BUILD_STATIC_ONLY=ON -DCAF_NO_EXAMPLES=ON -DCAF_NO_UNIT_TESTS=ON -DCAF_NO_TOOLS=ON -DCAF_NO_OPENSSL=ON \
  -DCAF_NO_OPENCL=ON -DCAF_NO_PYTHON=ON >cmake.log 2>&1 || { tail cmake.log >&2; exit 1; }
cmake --build build --target install --parallel "${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}" >build.log 2>&1 ||
  { tail build.log >&2; exit 1; }
cd "$dest"
rm -rf work
touch .complete
