// SPDX-License-Identifier: BSD-2-Clause
#include "rpc/dispatch.hpp"

#include <algorithm>
#include <functional>

namespace duplex::rpc::detail {

std::string sticky(const std::vector<std::string>& names, std::string_view key) {
  const auto weight = [&](const std::string& name) { return std::hash<std::string>{}(std::string{key} + '\0' + name); };
  return *std::max_element(names.begin(), names.end(),
                           [&](const auto& a, const auto& b) { return weight(a) < weight(b); });
}

/// Where a call has been.
struct balanced::attempts {
  std::string sticky, now;
  std::vector<std::string> tried;
};

call_ptr balanced::start(const signature& of, const void* arguments, source_ptr in, const call_options& how) {
  auto call = make_call(*core_, method_, codec_, of, how);
  if (call->settled()) return call;
  core_->budget().call();
  core_->ask_around();
  auto so_far = std::make_shared<attempts>();
  so_far->sticky = how.sticky;
  auto among = core_->peers().serving(method_);
  if (among.empty()) among = core_->peers().live();  // whoever it is says why not
  // Nobody is there yet: the open waits for whoever is being dialled, and the name of that one is not known.
  if (!among.empty()) so_far->now = pick(among, *so_far);
  if (in == nullptr) {  // objects that have been sent are gone
    call->keeps_arguments = true;
    watch(call, so_far);
  }
  core_->link_to(so_far->now, codec_)->start(call, of, arguments, std::move(in));
  return call;
}

std::string balanced::pick(const std::vector<std::string>& among, const attempts& so_far) {
  if (!so_far.sticky.empty()) return sticky(among, so_far.sticky);
  if (balance_ == balance::round_robin) return core_->peers().turn(method_, among);
  // Those with equally few take turns.
  std::vector<std::string> least;
  std::size_t fewest = SIZE_MAX;
  for (const auto& name : among) {
    const auto pending = core_->pending_at(name);
    if (pending < fewest) least.clear();
    fewest = std::min(fewest, pending);
    if (pending == fewest) least.push_back(name);
  }
  return core_->peers().turn(method_, least);
}

void balanced::watch(const call_ptr& call, const std::shared_ptr<attempts>& so_far) {
  call->retry([self = shared_from_this(), call = std::weak_ptr{call}, so_far](const ending& how) {
    const auto alive = call.lock();
    return alive && self->again(alive, so_far, how);
  });
}

// Another peer is tried for what did not begin, or may begin twice.
bool balanced::again(const call_ptr& call, const std::shared_ptr<attempts>& so_far, const ending& how) {
  const auto why = how.status.code();
  if (how.not_begun && (why == code::unimplemented || why == code::permission_denied))
    core_->peers().refused(so_far->now, method_);
  // Of a stream the caller may have seen a part.
  const bool whole = call->signed_as.out == nullptr && !call->signed_as.becomes_bytes;
  const bool may = how.not_begun || (idempotent_ && whole && why == code::unavailable);
  if (!may || !call->repeatable || call->deadline <= context::clock::now()) return false;
  so_far->tried.push_back(so_far->now);
  const auto among = core_->peers().serving(method_, so_far->tried);
  if (among.empty() || !core_->budget().take()) return false;
  so_far->now = pick(among, *so_far);
  watch(call, so_far);
  core_->link_to(so_far->now, codec_)->start_again(call);
  return true;
}

}  // namespace duplex::rpc::detail
