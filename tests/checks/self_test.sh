#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Plants one violation after the other in a small good tree and fails when a check lets it pass.
here=$(dirname "$(readlink -f "$0")")
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
cd "$tree" || exit 1
failed=0

good_tree() {
  rm -rf "${tree:?}"/*
  mkdir -p values runtime transport actors tools examples tests docs include/duplex
  printf '#include <duplex/bytes.hpp>\n#include <string>\n#include "values/slab.hpp"\n' >values/bytes.cpp
  printf '#include <duplex/runtime.hpp>\n\n#include <boost/asio.hpp>\n#include <caf/all.hpp>\n\n#include "values/slab.hpp"\n' \
    >runtime/worker.cpp
  printf '#include <duplex/key.hpp>\n\n#include <libssh/libssh.h>\n\n#include "runtime/worker.hpp"\n' >transport/session.cpp
  printf '#include <duplex/peer.hpp>\n\n#include "transport/session.hpp"\n' >actors/peer.cpp
  printf '#include <duplex/duplex.hpp>\n\n#include "tools/serve.hpp"\n' >tools/main.cpp
  printf '#include <duplex/bytes.hpp>\n\n#include <caf/actor.hpp>\n' >include/duplex/peer.hpp
  printf '\nclass peer {\n public:\n  result<ping_report> ping(std::string_view name = {});\n};\n' >>include/duplex/peer.hpp
  printf '#include <duplex/peer.hpp>\n\n#include <boost/asio.hpp>\n' >include/duplex/async.hpp
  printf '// hello\nint main() {\n  int status = 0;\n  return status;\n}\n' >examples/hello.cpp
  printf 'text\n```cpp\n// examples/hello.cpp\nint main() {\n  int status = 0;\n  return status;\n}\n```\n```sh\nls\n```\n' >README.md
  printf '```cpp\n// examples/hello.cpp\n  return status;\n```\n| `ping(name)` | sees | \n| `<duplex/peer.hpp>`, `<duplex/async.hpp>` | both |\n' >docs/guide.md
  mkdir -p include/duplex/rpc tests/rpc
  printf '#include <duplex/peer.hpp>\n' >include/duplex/rpc/call.hpp
  printf 'int run() {\n  int ok = 1;\n  return ok;\n}\n' >tests/rpc/page_test.cpp
  printf '```cpp\n  return ok;\n```\n| `<duplex/rpc/call.hpp>` | calls |\n' >docs/rpc.md
  mkdir -p tests/packaging/installed
  printf 'project(mine)\nfind_package(duplex)\n' >tests/packaging/installed/CMakeLists.txt
  printf '```cmake\nfind_package(duplex)\n```\n' >>README.md
  cp "$here/../../.clang-format" .
  printf '#!/bin/sh\ntrue\n' >dev
}

expect() { # pass|fail, check, what is planted
  if "$here/$2.sh" "$tree" >/dev/null 2>&1; then got=pass; else got=fail; fi
  [ $got = "$1" ] || { echo "$2: $3: should $1"; failed=1; }
}

plant() { # check, file, text (printf format) put at its end
  good_tree
  mkdir -p "$(dirname "$2")"
  printf "$3" >>"$2"
  expect fail "$1" "$2 with '$3'"
}

good_tree
for check in layering snippets interface format scripts; do expect pass $check "a good tree"; done

plant layering values/bytes.cpp '#include "runtime/worker.hpp"\n'
plant layering values/bytes.cpp '  #  include <caf/actor.hpp>\n'
plant layering values/bytes.cpp '#include <boost/asio.hpp>\n'
plant layering values/bytes.cpp '#include <duplex/peer.hpp>\n'
plant layering runtime/worker.cpp '#include "transport/session.hpp"\n'
plant layering runtime/worker.cpp '#include <libssh/libssh.h>\n'
plant layering runtime/worker.cpp '#include <openssl/rand.h>\n'
plant layering runtime/worker.cpp '#include <duplex/key.hpp>\n'
plant layering runtime/worker.cpp '#include "inbox.hpp"\n'
plant layering runtime/worker.cpp '#include "../actors/peer.hpp"\n'
plant layering transport/session.cpp '#include <duplex/channel.hpp>\n'
plant layering actors/peer.cpp '#include <libssh/callbacks.h>\n'
plant layering actors/peer.cpp '#include "tools/serve.hpp"\n'
plant layering tools/main.cpp '#include "actors/peer.hpp"\n'
plant layering examples/hello.cpp '#include "values/slab.hpp"\n'
plant layering include/duplex/peer.hpp '#include <libssh/libssh.h>\n'
plant layering include/duplex/peer.hpp '#include <boost/asio/awaitable.hpp>\n'
plant layering include/duplex/peer.hpp '#include "actors/table.hpp"\n'
plant layering include/duplex/bytes.hpp '#include <caf/fwd.hpp>\n'
plant layering include/duplex/frame.hpp '#include <duplex/runtime.hpp>\n'

plant snippets README.md '```cpp\nint main() { return 0; }\n```\n'
plant snippets README.md '```cpp ignore\nnot_there();\n```\n'
plant snippets docs/rpc.md '```cpp\nnot_there();\n```\n'
plant snippets docs/rpc.md '```cpp\nfind_package(duplex)\n```\n'
plant snippets docs/guide.md '  ```cpp\n  not_there();\n  ```\n'
plant snippets docs/guide.md '```cpp\n// examples/gone.cpp\n  return status;\n```\n'
plant snippets docs/guide.md '```cpp\n```\n'
plant snippets README.md '```cmake\nadd_subdirectory(duplex)\n```\n'
plant snippets README.md '```cmake\nint main() {\n```\n'
plant snippets examples/other.cpp 'int main() {}\n'

plant interface include/duplex/peer.hpp '  result<endpoint> bind(std::string_view where) {\n'
plant interface include/duplex/peer.hpp '  result<std::string> pin(std::string_view name) const {\n'
plant interface include/duplex/new.hpp '// no line in the guide\n'

plant interface include/duplex/rpc/new.hpp '// no line in the page\n'
plant interface include/duplex/rpc/codec/new.hpp '// no line in the page\n'

plant format values/bytes.cpp 'int  f( );\n'
plant scripts dev 'if true\n'
plant scripts tests/bad.sh 'for x in; do\n'

# What ./dev test shows at its end: only what failed, and how many.
printf '1/2 Testing: good\nfine\nTest Passed.\n\n2/2 Testing: bad\nTest Passed. Not.\nTest Failed.\n' >log
shown=$(awk -f "$here/failures.awk" log)
wanted=$(printf '2/2 Testing: bad\nTest Passed. Not.\nTest Failed.\n50%% tests passed, 1 tests failed out of 2')
[ "$shown" = "$wanted" ] || { echo "failures.awk: shows '$shown'"; failed=1; }

exit $failed
