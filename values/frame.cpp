// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/frame.hpp>

namespace duplex {

frames make_frames(std::string_view payload) {
  frame_writer one;
  one.put(payload);
  return one.take();
}

}  // namespace duplex
