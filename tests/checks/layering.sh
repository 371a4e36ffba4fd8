#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# usage: layering.sh ROOT: fails on an include that goes upward between layers (docs/architecture.md) and on a third-party
# header where it does not belong. The tests may include anything.
cd "$1" || exit 1
find values runtime transport actors rpc tools examples include -name '*.hpp' -o -name '*.cpp' 2>/dev/null | sort |
  xargs -r awk '
BEGIN {
  rank["values"] = 1; rank["runtime"] = 2; rank["transport"] = 3; rank["actors"] = 4; rank["rpc"] = 5
  rank["tools"] = rank["examples"] = 6
  # Public headers of the lower layers; every other one belongs to actors, or to rpc by its folder.
  split("bytes frame error result endpoint meta options percent log report rights version", names, " ")
  for (i in names) public[names[i] ".hpp"] = "values"
  public["runtime.hpp"] = public["messages.hpp"] = "runtime"
  public["descriptor.hpp"] = public["key.hpp"] = public["known_hosts.hpp"] = public["authorized_keys.hpp"] = "transport"
}
function public_layer(name) {
  if (name in public) return public[name]
  return name ~ /^rpc(\/|\.hpp$)/ ? "rpc" : "actors"
}
function violation(why) {
  printf "%s:%d: %s: %s\n", FILENAME, FNR, why, $0
  failed = 1
}
FNR == 1 {
  is_public = FILENAME ~ /^include\//
  own = FILENAME
  if (is_public) { sub(/^include\/duplex\//, "", own); own = public_layer(own) }
  else sub(/\/.*/, "", own)
}
/^[ \t]*#[ \t]*include[ \t]*[<"]/ {
  target = $0
  sub(/^[^<"]*[<"]/, "", target)
  sub(/[>"].*/, "", target)
  if ($0 ~ /^[^<"]*"/) {
    layer = target
    if (!sub(/\/.*/, "", layer) || !(layer in rank)) violation("name a private header from the root, with its layer")
    else if (is_public) violation("a public header includes public headers only")
    else if (rank[own] == 6 && layer != own) violation("tools and examples use public headers only")
    else if (rank[layer] > rank[own]) violation(own " includes upward from " layer)
  } else if (target ~ /^duplex\//) {
    layer = public_layer(substr(target, 8))
    if (rank[layer] > rank[own]) violation(own " includes upward from " layer)
  } else if (target ~ /^(libssh|openssl)\//) {
    if (FILENAME ~ /^tools\/bench\/(libssh|sockets)/) next # what ours is measured against
    if (is_public || own != "transport") violation("libssh and OpenSSL belong to transport")
  } else if (target ~ /^(boost|asio)[\/.]/) {
    if (own == "rpc" && target ~ /^boost\/pfr\//) next
    if (is_public && FILENAME !~ /^include\/duplex\/(async|initiation)\.hpp$/) violation("Asio belongs to <duplex/async.hpp>")
    else if (own == "values") violation("values is std only")
  } else if (target ~ /^(caf|CLI)\// && own == "values") violation("values is std only")
}
END { exit failed }
'
