// SPDX-License-Identifier: BSD-2-Clause
#include "tools/duplex/commands.hpp"
#include "tools/duplex/json_value.hpp"
#include "tools/duplex/rpc_session.hpp"

#include <unistd.h>

namespace duplex::tools {
namespace {

// "demo.Calc.add(i32, i32) -> i32   # a + b"
std::string describe(const rpc::service_info& service) {
  std::string text;
  for (const auto& method : service.methods) {
    text += method.name == service.name ? service.name : service.name + '.' + method.name;
    text += method.signature;
    if (!method.doc.empty()) text += "   # " + method.doc;
    text += '\n';
  }
  for (const auto& type : service.types) {
    text += type.name + " {";
    for (const auto& field : type.fields)
      text.append(" ").append(field.name).append(": ").append(field.type).append(";");
    text += " }\n";
  }
  return text;
}

}  // namespace

int ls(const ls_arguments& given) {
  return with_session(given.peer, given.endpoint, given.to, [&](const session& with) {
    const auto there = with.self.use<rpc::reflection>(with.remote, by_json);
    std::string text;
    if (given.service.empty()) {
      const auto all = there.list().get();
      for (const auto& service : all) text += printable(service.name) + '\n';
      if (given.peer.json) text = to_json_text(all) + '\n';
    } else {
      const auto service = there.describe(given.service).get();
      text = given.peer.json ? to_json_text(service) + '\n' : describe(service);
    }
    return write_all(STDOUT_FILENO, text) ? 0 : transport_failure;
  });
}

}  // namespace duplex::tools
