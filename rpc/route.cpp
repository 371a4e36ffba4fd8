// SPDX-License-Identifier: BSD-2-Clause
#include "rpc/route.hpp"

#include <duplex/percent.hpp>

#include "rpc/channel_source.hpp"
#include "rpc/own_channel.hpp"

namespace duplex::rpc::detail {
namespace {

constexpr std::size_t max_headers = 8192;  // encoded; as gRPC advises

void check_headers(const metadata& headers) {
  if (headers.empty()) return;
  for (const auto& item : headers)
    for (const auto* key : reserved_headers)
      if (item.starts_with(key))
        throw failure{code::invalid_argument, "header '" + item + "': the key is one of the library's own"};
  if (const auto size = encode_list(headers).size(); size > max_headers)
    throw failure{code::invalid_argument,
                  "headers of " + std::to_string(size) + " bytes are over the limit of " + std::to_string(max_headers)};
}

context::clock::time_point due(const call_options& how, context::clock::time_point now) {
  auto at = context::clock::time_point::max();
  if (how.deadline < std::chrono::duration_cast<std::chrono::milliseconds>(at - now)) at = now + how.deadline;
  return how.within != nullptr ? std::min(at, how.within->deadline()) : at;
}

}  // namespace

context::clock::time_point due(const call_options& how) { return due(how, context::clock::now()); }

call_ptr make_call(rpc_core& core, std::string method, const codec_ptr& codec, const signature& of,
                   const call_options& how) {
  auto rules = core.rules(side::caller);
  const auto now = context::clock::now();
  auto call = std::make_shared<call_state>(std::move(method), of, codec, rules.limits);
  if (how.headers != nullptr) call->headers = *how.headers;
  call->deadline = due(how, now);
  call->seen_by = std::move(rules.seen_by);
  if (of.out != nullptr) call->objects = make_results(call, *of.out);
  try {
    auto begins = now;
    if (!call->seen_by.empty()) {
      call_info about{
          .side = side::caller, .method = call->method, .headers = call->headers, .deadline = call->deadline};
      call->seen_by.open(about);
      begins = context::clock::now();  // they may take their time, and bring the deadline forward
    }
    check_headers(call->headers);
    if (call->deadline <= begins)
      throw failure{code::deadline_exceeded, call->method + ": the deadline has passed already"};
  } catch (...) {
    call->settle({.status = status_of(std::current_exception())}, true);
  }
  // Last: it may be told from another thread at once.
  if (how.within != nullptr)
    call->within =
        std::make_unique<std::stop_callback<std::function<void()>>>(how.within->stop(), [call = std::weak_ptr{call}] {
          if (const auto part = call.lock()) part->drop({code::cancelled, "the call it is part of has ended"});
        });
  return call;
}

call_ptr named::start(const signature& of, const void* arguments, source_ptr in, const call_options& how) {
  auto call = make_call(*core_, method_, codec_, of, how);
  if (!call->settled()) core_->link_to(peer_, codec_)->start(call, of, arguments, std::move(in));
  return call;
}

borrowed::~borrowed() {
  if (const auto from = from_.lock()) from->give_back(id_);
}

call_ptr borrowed::start(const signature& of, const void* arguments, source_ptr in, const call_options& how) {
  auto call = make_call(*core_, std::string{lent_prefix} + std::to_string(id_), codec_, of, how);
  if (call->settled()) return call;
  if (const auto from = from_.lock())
    from->start(call, of, arguments, std::move(in));
  else
    call->settle(
        {.status = {code::unavailable, "the session that this function came by has ended"}, .not_begun = true});
  return call;
}

}  // namespace duplex::rpc::detail
