#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# usage: snippets.sh ROOT: every C++ block of README.md and docs/*.md must stand, byte for byte, in a file of examples/, which
# the build compiles. A first line "// examples/x.cpp" names the file and is not part of the text to be found.
cd "$1" || exit 1
pages=$(ls README.md docs/*.md 2>/dev/null)
[ -n "$pages" ] || exit 0
examples=$(ls examples/*.cpp 2>/dev/null)
awk '
function judge(   name) {
  name = ""
  if (block ~ /^\/\/ examples\/[a-z0-9_]+\.cpp\n/) {
    name = substr(block, 4, index(block, "\n") - 4)
    block = substr(block, index(block, "\n") + 1)
  }
  if (name != "") found = (name in text) && index(text[name], block)
  else { found = 0; for (file in text) if (index(text[file], block)) found = 1 }
  if (!found || block == "") {
    printf "%s:%d: this C++ block does not stand in %s\n", FILENAME, start, name == "" ? "any file of examples/" : name
    failed = 1
  }
}
FILENAME ~ /^examples\// { text[FILENAME] = text[FILENAME] $0 "\n"; next }
FNR == 1 && inside { inside = 0 }
!inside && /^[ \t]*(```|~~~)[ \t]*(cpp|c\+\+|cxx|cc|hpp)/ { inside = 1; start = FNR; block = ""; next }
!inside && /^[ \t]*(```|~~~)/ { inside = 2; next }
inside && /^[ \t]*(```|~~~)[ \t]*$/ { if (inside == 1) judge(); inside = 0; next }
inside == 1 { block = block $0 "\n" }
END { exit failed }
' $examples $pages
