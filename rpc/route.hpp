// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "rpc/link.hpp"
#include "rpc/rpc_core.hpp"

namespace duplex::rpc::detail {

/// A call as the options have it, its interceptors asked; settled already when one of them refuses it.
call_ptr make_call(rpc_core& core, std::string method, const codec_ptr& codec, const signature& of,
                   const call_options& how);

/// A method at a remote peer that is named.
class named final : public route {
 public:
  named(std::shared_ptr<rpc_core> core, std::string peer, std::string method, codec_ptr codec)
      : core_(std::move(core)), peer_(std::move(peer)), method_(std::move(method)), codec_(std::move(codec)) {}
  call_ptr start(const signature& of, const void* arguments, source_ptr in, const call_options& how) override;

 private:
  const std::shared_ptr<rpc_core> core_;
  const std::string peer_, method_;
  const codec_ptr codec_;
};

/// A function that the other side of a call channel has lent; given back when this goes.
class borrowed final : public route {
 public:
  borrowed(const link_ptr& from, std::uint64_t id) : from_(from), core_(from->core()), codec_(from->codec()), id_(id) {}
  ~borrowed() override;
  borrowed(const borrowed&) = delete;
  borrowed& operator=(const borrowed&) = delete;
  call_ptr start(const signature& of, const void* arguments, source_ptr in, const call_options& how) override;

  [[nodiscard]] bool is_of(const link& which) const { return from_.lock().get() == &which; }
  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }

 private:
  const std::weak_ptr<link> from_;  // weakly: what was borrowed must not keep a session's state
  const std::shared_ptr<rpc_core> core_;
  const codec_ptr codec_;
  const std::uint64_t id_;
};

/// How the other side calls what was lent: "@fn/7".
inline constexpr std::string_view lent_prefix = "@fn/";

}  // namespace duplex::rpc::detail
