// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/rpc/fn.hpp>

#include <cstdint>
#include <limits>
#include <memory>
#include <string>

// Functions and channels within values: `{"$fn": 7}` and `{"$channel": 0}` on the wire, docs/protocol.md "Callbacks".

namespace duplex::rpc {

/// *Interface.* What a call's values carry beside data, on one session; for the library. Everything throws codec_error.
/// Thread: one call at a time.
class handles {
 public:
  virtual ~handles() = default;
  struct lent {
    std::uint64_t id;
    bool back;  ///< it is one of the receiver's own
  };
  /// Lets the other side call `what`, until it gives that back or the session ends. `where` is where it lives.
  virtual lent lend(const detail::servable_ptr& what, const detail::route_ptr& where) = 0;
  /// What the other side has lent.
  virtual detail::route_ptr borrow(std::uint64_t id) = 0;
  /// What it had been lent, and gives back as a value.
  virtual detail::servable_ptr own(std::uint64_t id) = 0;
  /// Sends a channel along; its place among those of the message.
  virtual std::uint64_t send(const channel& what) = 0;
  virtual channel receive(std::uint64_t place) = 0;
};

namespace detail {

/// Of writer or reader; throws codec_error where there is no call around.
handles& scope_of(handles* of, const char* what);
void write_handle(token_writer& to, const char* key, std::uint64_t id);
/// Reads a map of one entry; which key it has, and the number.
std::pair<std::string, std::uint64_t> read_handle(token_reader& from, const char* what);

}  // namespace detail

template <class R, class... A, auto... Traits> struct custom<fn<R(A...), Traits...>> {
  using value = fn<R(A...), Traits...>;
  static void write(token_writer& to, const value& f) {
    if (!f) return to.nil();
    const auto lent = detail::scope_of(to.scope, "a function").lend(f.at(), f.at()->where());
    detail::write_handle(to, lent.back ? "$back" : "$fn", lent.id);
  }
  static void read(token_reader& from, value& f) {
    if (from.nil()) {
      f = {};
      return;
    }
    const auto [key, id] = detail::read_handle(from, "a function");
    auto& scope = detail::scope_of(from.scope, "a function");
    if (key == "$fn")
      f = value{scope.borrow(id)};
    else if (auto own = std::dynamic_pointer_cast<detail::function<R, A...>>(scope.own(id)); key == "$back" && own)
      f = value{std::move(own)};
    else
      throw codec_error{"expected a function, got one of another type"};
  }
  static std::string describe(describer& to) { return "fn" + value::describe(to); }
};

template <> struct custom<channel> {
  static void write(token_writer& to, const channel& ch) {
    if (!ch) return to.nil();
    detail::write_handle(to, "$channel", detail::scope_of(to.scope, "a channel").send(ch));
  }
  static void read(token_reader& from, channel& ch) {
    ch = {};
    if (from.nil()) return;
    const auto [key, place] = detail::read_handle(from, "a channel");
    if (key != "$channel") throw codec_error{"expected a channel, got " + key};
    ch = detail::scope_of(from.scope, "a channel").receive(place);
  }
  static std::string describe(describer&) { return "channel"; }
};

}  // namespace duplex::rpc
