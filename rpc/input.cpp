// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/rpc/input.hpp>

namespace duplex::rpc {

void codec_error::within(std::string_view field) { prefix(std::string{field}); }
void codec_error::within(std::size_t item) { prefix('[' + std::to_string(item) + ']'); }

void codec_error::prefix(const std::string& step) {
  path_ = path_.empty() || path_[0] == '[' ? step + path_ : step + '.' + path_;
  text_ = path_ + ": " + std::runtime_error::what();
}

void input::count(std::size_t items) {
  // An item is at least a byte long: a longer announcement is a lie.
  if (items > in_.size())
    throw codec_error{"announces " + std::to_string(items) + " items, has " + std::to_string(in_.size()) +
                      " bytes left"};
  add(items);
}

void input::add(std::size_t items) {
  if (items > limits_.elements - elements_)
    throw codec_error{"more than " + std::to_string(limits_.elements) + " elements"};
  elements_ += items;
}

void input::finish() const {
  if (!in_.empty()) throw codec_error{std::to_string(in_.size()) + " bytes left over"};
}

void input::ends_early() { throw codec_error{"message ends early"}; }

void input::too_much_memory() const {
  throw codec_error{"would take more than " + std::to_string(limits_.memory) + " bytes of memory"};
}

void input::too_deep() const { throw codec_error{"nested deeper than " + std::to_string(limits_.depth)}; }

}  // namespace duplex::rpc
