#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# usage: interface.sh ROOT: fails when an operation of peer or channel, or a public header, has no line in the tables of
# docs/guide.md; those of RPC: of docs/rpc.md.
cd "$1" || exit 1
failed=0
for header in include/duplex/peer.hpp include/duplex/channel.hpp; do
  [ -e "$header" ] || continue
  for name in $(sed -n 's/^  result<.*> \([a-z_]*\)(.*/\1/p' "$header" | sort -u); do
    grep -q "^| .*\`$name(" docs/guide.md && continue
    echo "$header: docs/guide.md has no line for $name"
    failed=1
  done
done
for header in include/duplex/*.hpp; do
  grep -q "^| .*\`<duplex/${header##*/}>\`" docs/guide.md && continue
  echo "$header: docs/guide.md has no line for it"
  failed=1
done
for header in $(find include/duplex/rpc -name '*.hpp' 2>/dev/null | sort); do
  grep -q "^| .*\`<${header#include/}>\`" docs/rpc.md && continue
  echo "$header: docs/rpc.md has no line for it"
  failed=1
done
exit $failed
