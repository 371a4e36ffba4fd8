#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# usage: snippets.sh ROOT: every C++ block of README.md and docs/*.md must stand, byte for byte, in a file of examples/, which
# the build compiles, or in tests/rpc/page_test.cpp, which it runs as well; every CMake block in a project of
# tests/packaging/, which the tests build. A first line "// examples/x.cpp" names the file and is not part of the text to be
# found. docs/guide.md and docs/rpc.md show something of each example.
cd "$1" || exit 1
pages=$(ls README.md docs/*.md 2>/dev/null)
[ -n "$pages" ] || exit 0
sources=$(ls examples/*.cpp tests/rpc/page_test.cpp tests/packaging/*/CMakeLists.txt 2>/dev/null)
awk '
function judge(   name, place, file, found) {
  name = ""
  place = language == "cmake" ? "tests/packaging/" : "examples/ or tests/rpc/"
  if (block ~ /^\/\/ examples\/[a-z0-9_]+\.cpp\n/) {
    name = substr(block, 4, index(block, "\n") - 4)
    block = substr(block, index(block, "\n") + 1)
  }
  if (name != "") found = (name in text) && index(text[name], block)
  else for (file in text) if ((file ~ /CMakeLists/) == (language == "cmake") && index(text[file], block)) found = 1
  if (!found || block == "") {
    printf "%s:%d: this block does not stand in %s\n", FILENAME, start, name == "" ? "any file of " place : name
    failed = 1
  }
  if (FILENAME ~ /^docs\/(guide|rpc)\.md$/) shown[name] = 1
}
FILENAME ~ /^(examples|tests)\// { text[FILENAME] = text[FILENAME] $0 "\n"; next }
FNR == 1 && inside { inside = 0 }
!inside && /^[ \t]*(```|~~~)[ \t]*(cpp|c\+\+|cxx|cc|hpp|cmake)/ {
  inside = 1; start = FNR; block = ""; language = /(```|~~~)[ \t]*cmake/ ? "cmake" : "cpp"
  next
}
!inside && /^[ \t]*(```|~~~)/ { inside = 2; next }
inside && /^[ \t]*(```|~~~)[ \t]*$/ { if (inside == 1) judge(); inside = 0; next }
inside == 1 { block = block $0 "\n" }
END {
  for (file in text)
    if (file ~ /^examples\// && !(file in shown)) {
      printf "docs/guide.md and docs/rpc.md: no block begins with // %s\n", file
      failed = 1
    }
  exit failed
}
' $sources $pages
