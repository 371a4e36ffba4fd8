// SPDX-License-Identifier: BSD-2-Clause
#include "rpc/admission.hpp"

#include "rpc/route.hpp"

#include <charconv>

namespace duplex::rpc::detail {
namespace {

admission refused(code why, std::string text) {
  admission made;
  made.why = {why, std::move(text)};
  return made;
}

servable_ptr lent(link& on, std::string_view id) {
  std::uint64_t n = 0;
  const auto [end, failed] = std::from_chars(id.data(), id.data() + id.size(), n);
  return failed == std::errc{} && end == id.data() + id.size() ? on.own(n) : nullptr;
}

}  // namespace

admission admit(rpc_core& core, link* on, const meta& caller, std::string_view method, metadata& headers,
                context::clock::time_point& deadline) {
  const auto name = [&] { return std::string{method}; };  // only who is refused or seen needs a copy
  admission made;
  if (method.starts_with(lent_prefix) && on != nullptr) {
    made.target = lent(*on, method.substr(lent_prefix.size()));
    if (!made.target) return refused(code::unimplemented, "no such function was lent, or it was given back: " + name());
    made.in = place::take(on->lent_load());
    if (!made.in) return refused(code::resource_exhausted, "too many calls of functions that were lent are running");
  } else {
    if (!is_valid_name(method))
      return refused(code::unimplemented, "'" + printable(method) + "' is no method's name; one is 1 to 255 letters, " +
                                              "digits and . _ / @ -");
    if (!caller.rights.may_open(method))
      return refused(code::permission_denied, "the key may not call '" + name() + "' (permitopen)");
    const auto found = core.find(method);
    if (!found) return refused(code::unimplemented, "'" + name() + "' is not served here");
    made.target = found->target;
    made.in = place::take(found->limit);
    if (!made.in)
      return refused(code::resource_exhausted, std::to_string(found->limit->most) + " calls of '" +
                                                   found->limit->service + "' are running, its limit");
  }
  auto rules = core.rules(side::handler);
  made.limits = rules.limits;
  made.seen_by = std::move(rules.seen_by);
  if (made.seen_by.empty()) return made;
  try {
    call_info about{
        .side = side::handler, .method = name(), .headers = headers, .deadline = deadline, .remote = &caller};
    made.seen_by.open(about);
  } catch (...) {
    made.why = status_of(std::current_exception());
    made.seen_by.close(made.why);
  }
  return made;
}

}  // namespace duplex::rpc::detail
