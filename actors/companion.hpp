// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/peer.hpp>

#include <functional>
#include <memory>

namespace duplex::detail {

/// What a layer above keeps with a peer: made with the first call, the same for all copies of the handle as long as
/// somebody holds it. Thread: any.
std::shared_ptr<void> companion_of(const peer& of, const std::function<std::shared_ptr<void>()>& make);

}  // namespace duplex::detail
