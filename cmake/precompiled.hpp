// SPDX-License-Identifier: BSD-2-Clause
// The slow headers of the layers from runtime up. Only third-party and standard headers belong here: a header of ours
// would rebuild everything with each change.
#pragma once

#include <boost/asio.hpp>
#include <caf/all.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>
