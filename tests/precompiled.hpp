// SPDX-License-Identifier: BSD-2-Clause
// The slow headers of the tests: the layers' own and Catch's.
#pragma once

#include <catch2/catch.hpp>

#include "cmake/precompiled.hpp"
