#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# usage: wrong.sh ROOT COMPILER: what a user gets wrong is a few lines long and says so. Each file of tests/checks/wrong
# must not compile; its first line says what the compiler must print, within the first lines of what it prints.
root=$1 compiler=$2
failed=0
for file in "$root"/tests/checks/wrong/*.cpp; do
  said=$(LC_ALL=C "$compiler" -std=c++20 -fsyntax-only -I"$root/include" "$file" 2>&1) && {
    echo "$file: it compiles"
    failed=1
    continue
  }
  expected=$(sed -n '1s,^// expect: ,,p' "$file")
  if ! printf '%s\n' "$said" | head -20 | grep -Eq "$expected"; then
    printf '%s: not among the first lines:\n%s\n--- said:\n%s\n' "$file" "$expected" "$(printf '%s\n' "$said" | head -20)"
    failed=1
  fi
  errors=$(printf '%s\n' "$said" | grep -c ': error: ')
  if [ "$errors" -gt 2 ]; then
    printf '%s: %s errors for one mistake:\n%s\n' "$file" "$errors" "$(printf '%s\n' "$said" | grep ': error: ')"
    failed=1
  fi
done
exit $failed
