// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <duplex/log.hpp>
#include <duplex/meta.hpp>
#include <duplex/rpc/context.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace duplex::rpc {

/// Which end of a call an interceptor stands at.
enum class side : std::uint8_t { caller, handler };

/// *Value.* A call that is about to start, as its interceptors see and may change it.
struct call_info {
  rpc::side side;
  std::string method;                    ///< "demo.Calc.add"
  metadata& headers;                     ///< may be added to
  context::clock::time_point& deadline;  ///< may be brought forward
  const meta* remote = nullptr;          ///< who calls; null at the caller
};

/// Which way an object goes.
enum class direction : std::uint8_t { sent, received };

/// Sees one call, at one end: log it, limit it, measure it, refuse it. Made per call by what `peer::intercept` was
/// given. Thread: one call at a time, not always the same thread.
class interceptor {
 public:
  virtual ~interceptor() = default;
  /// The call starts. Throw `failure` to refuse it: at the caller nothing is sent then, at the handler the caller gets
  /// that status.
  virtual void open(call_info&) {}
  /// An object passes, encoded: arguments, a result, an item of a stream. Throw `failure` to end the call.
  virtual void object(direction, std::string_view) {}
  /// The call has ended; the last that is called. Must not throw.
  virtual void close(const status&) {}
};

/// Makes the interceptor of a call; null for none.
using interceptor_factory = std::function<std::unique_ptr<interceptor>()>;

/// One line per call to a log, for instance `options::log`: method, who called, status, bytes, time taken.
interceptor_factory logging(log_sink to);
/// No call may take longer, whatever the caller asks for.
interceptor_factory deadline_limit(std::chrono::milliseconds most);
/// At most so many calls at a time, over all methods of the peer it is given to: `resource_exhausted` above.
interceptor_factory concurrency_limit(std::size_t most);

}  // namespace duplex::rpc
