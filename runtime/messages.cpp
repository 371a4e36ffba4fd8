// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/messages.hpp>

#include <caf/exit_reason.hpp>
#include <caf/message.hpp>
#include <caf/sec.hpp>

namespace duplex {
namespace {

constexpr auto category = caf::atom("duplex");

errc nearest(const caf::error& e) {
  if (e.category() == caf::atom("system")) {
    switch (static_cast<caf::sec>(e.code())) {
      case caf::sec::request_timeout:
        return errc::timed_out;
      case caf::sec::request_receiver_down:
        return errc::closed;
      case caf::sec::unexpected_message:
      case caf::sec::invalid_argument:
        return errc::invalid_argument;
      default:
        return errc::internal;
    }
  }
  if (e.category() == caf::atom("exit")) return errc::closed;
  return errc::internal;
}

}  // namespace

caf::error to_caf(const error& e) {
  if (!e) return {};
  return {static_cast<std::uint8_t>(e.code()), category, caf::make_message(e.context())};
}

error from_caf(const caf::error& e) {
  if (!e) return {};
  if (e == caf::sec::request_receiver_down) return {nearest(e), "it has ended, or its peer or runtime has"};
  if (e.category() != category) return {nearest(e), to_string(e)};
  const auto& context = e.context();
  auto text =
      !context.empty() && context.match_element<std::string>(0) ? context.get_as<std::string>(0) : std::string{};
  return {e.code() < errc_count ? static_cast<errc>(e.code()) : errc::internal, std::move(text)};
}

caf::error end_reason(const error& why, const std::vector<std::string>& trailers, bool trailed) {
  return {static_cast<std::uint8_t>(why.code()), category, caf::make_message(why.context(), trailers, trailed)};
}

bool ended_by_remote(const caf::error& reason) {
  return reason && reason.category() == category && reason.code() == static_cast<std::uint8_t>(errc::closed) &&
         reason.context().size() == 3;
}

std::vector<std::string> trailers_of(const caf::error& reason, bool& trailed) {
  trailed = false;
  if (!reason) return {};
  const auto& context = reason.context();
  if (reason.category() != category || context.size() != 3) return {};
  trailed = context.get_as<bool>(2);
  return context.get_as<std::vector<std::string>>(1);
}

}  // namespace duplex
