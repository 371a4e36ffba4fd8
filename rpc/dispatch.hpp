// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "rpc/roster.hpp"
#include "rpc/route.hpp"

#include <string>

namespace duplex::rpc::detail {

/// Of several peers the same for the same key as long as the peer is there; of all keys each peer has its share
/// (rendezvous hashing, Thaler and Ravishankar 1998).
std::string sticky(const std::vector<std::string>& names, std::string_view key);

/// A method at whichever remote peer serves it.
class balanced final : public route, public std::enable_shared_from_this<balanced> {
 public:
  balanced(std::shared_ptr<rpc_core> core, std::string method, codec_ptr codec, bool idempotent, balance how)
      : core_(std::move(core)),
        method_(std::move(method)),
        codec_(std::move(codec)),
        idempotent_(idempotent),
        balance_(how) {}
  call_ptr start(const signature& of, const void* arguments, source_ptr in, const call_options& how) override;

 private:
  struct attempts;
  void watch(const call_ptr& call, const std::shared_ptr<attempts>& so_far);
  bool again(const call_ptr& call, const std::shared_ptr<attempts>& so_far, const ending& how);
  std::string pick(const std::vector<std::string>& among, const attempts& so_far);

  const std::shared_ptr<rpc_core> core_;
  const std::string method_;
  const codec_ptr codec_;
  const bool idempotent_;
  const balance balance_;
};

}  // namespace duplex::rpc::detail
