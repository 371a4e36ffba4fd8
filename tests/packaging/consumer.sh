#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# usage: consumer.sh embedded|installed SOURCE BUILD WORK COMPILER: builds two programs of ten lines in WORK, one of them with
# RPC, and runs them; with the sources of SOURCE as a part of their project, or with what cmake --install makes of BUILD. WORK
# is kept: what has not changed is not compiled again.
set -eu
way=$1 source=$2 build=$3 work=$4/$1 compiler=$5
fail() {
  echo "$way: $1"
  exit 1
}

rm -rf "$work/prefix"
mkdir -p "$work/mine"
cp "$source"/tests/packaging/*.cpp "$source/tests/packaging/$way/CMakeLists.txt" "$work/mine"
set -- -G Ninja -S "$work/mine" -B "$work/build" -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_CXX_FLAGS=-O0
case $way in
  embedded) ln -sfn "$source" "$work/mine/duplex" ;;
  installed)
    cmake --install "$build" --prefix "$work/elsewhere" >"$work/log" || fail "$(cat "$work/log")"
    mv "$work/elsewhere" "$work/prefix" # a package that names where it was made would not be found there
    set -- "$@" -DCMAKE_PREFIX_PATH="$work/prefix" --fresh
    ;;
esac
{ cmake "$@" && cmake --build "$work/build" --parallel "${CMAKE_BUILD_PARALLEL_LEVEL:-2}"; } >"$work/log" 2>&1 ||
  fail "$(cat "$work/log")"
said=$("$work/build/mine") || fail "the program failed: $said"
version=$(sed -n 's/.*version = "\(.*\)".*/\1/p' "$source/include/duplex/version.hpp")
[ "$said" = "duplex $version: hello" ] || fail "the program says: $said"
said=$("$work/build/caller") || fail "the program with RPC failed: $said"
[ "$said" = "1 + 2 is 3" ] || fail "the program with RPC says: $said"

case $way in
  embedded)
    ! grep -Eq -e '-Werror|-Wconversion' "$work/build/build.ninja" || fail "our warnings are forced on the project"
    ! grep -Eq 'duplex/(tests|tools|examples)/' "$work/build/build.ninja" || fail "more than the library is built"
    cmake --install "$work/build" --prefix "$work/prefix" >/dev/null
    [ ! -e "$work/prefix" ] || fail "the project's install brings $(find "$work/prefix" -type f)"
    ;;
  installed)
    case $("$work/prefix/bin/duplex" version) in "duplex $version "*) ;; *) fail "no duplex command of this version" ;; esac
    ! grep -rlF -e "$source" -e "$work/elsewhere" "$work/prefix" --include=*.cmake || fail "these name the build's folders"
    ;;
esac
