// SPDX-License-Identifier: BSD-2-Clause
#include "tools/duplex/method.hpp"

namespace duplex::tools {
namespace {

std::string full_name(const rpc::service_info& service, const rpc::method_info& method) {
  return method.name == service.name ? method.name : service.name + '.' + method.name;
}

// The methods of the service that was meant; if there is none, the services.
std::string names_near(const std::vector<rpc::service_info>& all, const std::string& method) {
  const auto service = method.substr(0, method.rfind('.'));
  std::string services, methods;
  for (const auto& one : all) {
    services += (services.empty() ? "" : ", ") + one.name;
    if (one.name != service) continue;
    for (const auto& each : one.methods) methods += (methods.empty() ? "" : ", ") + each.name;
  }
  return methods.empty() ? "there are " + services : service + " has " + methods;
}

}  // namespace

method_found find_method(const session& with, const std::string& method, const rpc::call_options& how) {
  std::vector<rpc::service_info> all;
  try {
    all = with.self.use<rpc::reflection>(with.remote, by_json).list(how).get();
  } catch (const rpc::failure& why) {
    if (why.code() == rpc::code::permission_denied || why.code() == rpc::code::unimplemented) return {};
    throw;
  }
  for (const auto& service : all)
    for (const auto& one : service.methods)
      if (full_name(service, one) == method)
        return {.known = true,
                .streams_in = one.kind == "client stream" || one.kind == "both ways",
                .becomes_bytes = one.kind == "bytes",
                .gives_nothing = one.signature.ends_with("-> void"),
                .parameters = parameters_of(one.signature),
                .others = {}};
  method_found none;
  none.others = names_near(all, method);
  return none;
}

std::vector<std::string> parameters_of(std::string_view signature) {
  std::vector<std::string> list;
  if (!signature.starts_with('(')) return list;
  std::size_t depth = 0, from = 1;
  const auto add = [&](std::size_t end) {
    const auto one = signature.substr(from, end - from);
    if (!one.empty() && !one.starts_with("stream of ")) list.emplace_back(one);
    from = end + 2;  // ", "
  };
  for (std::size_t at = 0; at < signature.size(); ++at) {
    const char c = signature[at];
    if (c == '(' || c == '[' || c == '{') ++depth;
    if (c == ',' && depth == 1) add(at);
    if ((c == ')' || c == ']' || c == '}') && --depth == 0) {
      add(at);
      return list;
    }
  }
  return list;
}

}  // namespace duplex::tools
