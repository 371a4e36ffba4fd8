#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# usage: count.sh PROGRAM COMPILER PATH: fails when an operation of that path costs over a tenth more instructions than
#        baseline.txt says; exits with 77 where the two cannot be compared.
#        count.sh --update PROGRAM COMPILER: writes the counts of all paths into baseline.txt.
# Counted is what callgrind sees in our own code: all of a function that is defined in the library's sources, what was
# inlined into it included, and lines of ours that were inlined into others; not what these call. The program walks the
# path N and 2N times, and the difference is what counts, so that getting there does not.
here=$(dirname "$(readlink -f "$0")")
root=$here/../..
baseline=$here/baseline.txt
update=
[ "$1" != --update ] || { update=yes; shift; }
program=$1 compiler=$2 path=$3
slack=10 # percent: above what a change of a line next door does to inlining and registers

skip() { echo "skipped: $1"; exit 77; }
command -v valgrind >/dev/null || skip "there is no valgrind to count with (apt-get install valgrind)"
# Without its first word, which is the name that it was called by.
version="$(LC_ALL=C "$compiler" --version | sed '1s/^[^ ]* //;q') $("$compiler" -dumpmachine)"
known=$(sed -n 's/^compiler //p' "$baseline")
[ -n "$update" ] || [ "$version" = "$known" ] || skip "the baseline is of compiler '$known', this one is '$version'"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
(cd "$root" && find values runtime transport actors rpc include -name '*.hpp' -o -name '*.cpp') >"$dir/own"

# Prints "INSTRUCTIONS FUNCTION" per operation, from the costliest on.
count() { # path, N
  for factor in 1 2; do
    valgrind -q --tool=callgrind --callgrind-out-file="$dir/$factor" "$program" "$1" $(($2 * factor)) >"$dir/said" 2>&1 || {
      echo "$program $1 $(($2 * factor)) under valgrind:"
      cat "$dir/said"
      return 1
    } >&2
  done
  awk -v count="$2" '
  # "(ID) NAME" the first time, "(ID)" later; files and functions have numbers of their own.
  function name_of(kind, text,   id) {
    id = kind substr(text, 1, index(text, ")"))
    if (text ~ /\) /) name[id] = substr(text, index(text, ") ") + 2)
    return name[id]
  }
  # By the path from a layer on: with ccache a folder before that may be of another work tree.
  function is_own(path) {
    if (!(path in known)) {
      known[path] = 0
      for (tail = path; sub(/^[^\/]*\//, "", tail);) if (tail in own) known[path] = 1
    }
    return known[path]
  }
  FILENAME ~ /own$/ { own[$0]; next }
  FNR == 1 { sign = sign ? 1 : -1; split("", name) }
  { value = substr($0, index($0, "=") + 1) }
  /^(fl|fi|fe)=/ { here = is_own(name_of("file", value)) }
  /^fn=/ { fn = name_of("fn", value); within = here }
  /^cf[il]=/ { name_of("file", value) }
  /^cfn=/ { name_of("fn", value) }
  /^calls=/ { getline; next } # what the callee cost
  /^[0-9+*-]/ && (here || within) { cost[fn] += sign * $2 }
  END { for (fn in cost) if (cost[fn] >= count / 10) printf "%.1f %s\n", cost[fn] / count, fn }
  ' "$dir/own" "$dir/1" "$dir/2" | sort -rn
}

total() { awk '{ sum += $1 } END { printf "%.1f\n", sum }'; }

if [ -n "$update" ]; then
  while read -r word times old; do
    case $word in
      compiler) echo "compiler $version" ;;
      \#* | "") echo "$word${times:+ $times}${old:+ $old}" ;;
      *)
        count "$word" "$times" >"$dir/costs" || exit 1
        echo "$word $times $(total <"$dir/costs")"
        ;;
    esac
  done <"$baseline" >"$dir/new" || exit 1
  cat "$dir/new" >"$baseline"
  exit 0
fi

while read -r word times was; do [ "$word" != "$path" ] || break; done <"$baseline"
[ "$word" = "$path" ] || { echo "$path: no line in $baseline"; exit 1; }
count "$path" "$times" >"$dir/costs" || exit 1
seen=$(total <"$dir/costs")
above() { awk "BEGIN { exit !(100 * $1 > (100 + $slack) * $2) }"; }
echo "$path: $seen instructions of our own per operation, $was in the baseline"
if above "$was" "$seen"; then
  echo "note: so much less that the baseline should be lowered: $0 --update $program $compiler"
elif above "$seen" "$was"; then
  echo "$path: more than $slack % above. The costliest functions:"
  head -12 "$dir/costs"
  echo "If it is worth that: $0 --update $program $compiler"
  exit 1
fi
