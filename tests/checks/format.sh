#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# usage: format.sh ROOT: fails when clang-format would change a source. ./dev format mends it.
here=$(dirname "$(readlink -f "$0")")
cd "$1" && "$here/sources.sh" | xargs -r clang-format --style=file --dry-run -Werror
