#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# usage: scripts.sh ROOT: fails on a shell script that does not parse.
cd "$1" || exit 1
sh -n dev || exit 1
find tests tools .ci -name '*.sh' -o -path .ci/run | while read -r script; do
  case $(head -n 1 "$script") in *bash) bash -n "$script" ;; *) sh -n "$script" ;; esac || exit 1
done
