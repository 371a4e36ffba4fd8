#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# usage: sources.sh: prints our C++ sources, one path a line, relative to the current directory. Without git: a tarball has none.
find . -path ./build -prune -o -path ./.git -prune -o \( -name '*.hpp' -o -name '*.cpp' \) -print | sed 's|^\./||' | sort
