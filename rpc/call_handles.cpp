// SPDX-License-Identifier: BSD-2-Clause
#include "rpc/call_handles.hpp"

#include "rpc/link.hpp"

namespace duplex::rpc {
namespace detail {
namespace {

[[noreturn]] void no_link() {
  throw codec_error{"functions and channels travel between Duplex peers that call each other only"};
}

}  // namespace

handles::lent call_handles::lend(const servable_ptr& what, const route_ptr& where) {
  if (!on_) no_link();
  if (over_) throw codec_error{"the call has ended"};
  used_ = true;
  const auto made = on_->lend(what, where);
  if (made.back)
    given_back_.push_back(where);
  else
    lent_.push_back(made.id);
  return made;
}

route_ptr call_handles::borrow(std::uint64_t id) {
  if (!on_) no_link();
  return on_->borrow(id);
}

servable_ptr call_handles::own(std::uint64_t id) { return on_ ? on_->own(id) : nullptr; }

std::uint64_t call_handles::send(const channel& what) {
  if (!on_) no_link();
  used_ = true;
  channels_.push_back(what);
  return channels_.size() - 1;
}

channel call_handles::receive(std::uint64_t place) {
  if (place >= channels_.size() || !channels_[place])
    throw codec_error{"channel " + std::to_string(place) + " did not come with it"};
  return std::exchange(channels_[place], {});
}

void call_handles::roll_back() {
  over_ = true;
  for (const auto id : std::exchange(lent_, {})) on_->take_back(id);
}

handles& scope_of(handles* of, const char* what) {
  if (of == nullptr) throw codec_error{std::string{what} + " travels in the arguments and results of calls only"};
  return *of;
}

void write_handle(token_writer& to, const char* key, std::uint64_t id) {
  to.map(1);
  to.str(key);
  to.integer(id);
}

std::pair<std::string, std::uint64_t> read_handle(token_reader& from, const char* what) {
  if (from.peek() != token::map) from.wrong(what);
  std::pair<std::string, std::uint64_t> got;
  auto entries = from.map();
  while (entries.next()) {
    if (!got.first.empty()) throw codec_error{std::string{"expected "} + what + ", got a map of several entries"};
    got.first = from.str();
    got.second = fit(from.integer(), UINT64_MAX, "u64");
  }
  return got;
}

}  // namespace detail
}  // namespace duplex::rpc
