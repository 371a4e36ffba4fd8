// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/rpc/peer.hpp>

#include "rpc/dispatch.hpp"
#include "rpc/route.hpp"
#include "rpc/rpc_core.hpp"

namespace duplex::rpc {

peer::peer(duplex::peer of) : duplex::peer(std::move(of)) {
  if (state() != nullptr) core_ = detail::rpc_core::of(*this);
}

result<void> peer::add(const std::string& service, std::vector<detail::method_ptr> methods, const serve_options& how) {
  if (!core_) return {errc::closed, "an empty handle"};
  return core_->add(service, methods, how);
}

result<void> peer::withdraw(std::string_view service) {
  if (!core_) return {errc::closed, "an empty handle"};
  return core_->withdraw(service);
}

void peer::set_health(std::string_view service, bool serving) {
  if (core_) core_->health().set(service, serving);
}

void peer::intercept(side at, interceptor_factory made_by) {
  if (core_) core_->add_interceptor(at, std::move(made_by));
}

void peer::add_codec(codec_ptr codec) {
  if (core_) core_->add_codec(std::move(codec));
}

void peer::set_limits(const codec_limits& to) {
  if (core_) core_->set_limits(to);
}

std::size_t peer::lent() const { return core_ ? core_->lent() : 0; }

namespace detail {

namespace {

std::string kind_of(const signature& of) {
  if (of.one_way) return "one-way";
  if (of.becomes_bytes) return "bytes";
  if (of.in != nullptr) return of.out != nullptr ? "both ways" : "client stream";
  return of.out != nullptr ? "server stream" : "unary";
}

}  // namespace

method_ptr make_method(std::string name, const signature& of, std::string (*describe)(describer&),
                       std::string_view documentation, bool idempotent, servable_ptr target) {
  auto made = std::make_shared<method>();
  describer types;
  made->name = std::move(name);
  made->signature = describe(types);
  made->kind = kind_of(of);
  made->types = types.types();
  made->documentation = documentation;
  made->idempotent = idempotent;
  made->target = std::move(target);
  return made;
}

route_ptr make_route(const std::shared_ptr<rpc_core>& core, std::string_view at, std::string method, bool idempotent,
                     const use_options& how) {
  if (!core) throw failure{code::unavailable, "an empty handle"};
  auto codec = core->find_codec(how.codec);
  if (!codec)
    throw failure{code::unimplemented,
                  "codec '" + std::string{how.codec} + "' is not known here; known are " + core->codec_names()};
  if (at.empty()) {
    core->find_peers(true);
    return std::make_shared<balanced>(core, std::move(method), std::move(codec), idempotent, how.balance);
  }
  return std::make_shared<named>(core, std::string{at}, std::move(method), std::move(codec));
}

}  // namespace detail
}  // namespace duplex::rpc
