// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <caf/fwd.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace duplex {

class peer;
struct options;

/// How a runtime runs. *Value*.
struct runtime_options {
  std::size_t workers = 0;  ///< threads; 0 = min(2, cores): two reach what sockets need, more is for heavy actors
  std::chrono::microseconds busy_poll{0};  ///< a worker polls that long before it sleeps: latency bought with CPU
};

/// What a shutdown found. *Value*.
struct shutdown_report {
  bool clean = false;                ///< nobody missed the deadline and nobody is left
  std::size_t actors_left = 0;       ///< actors still running, the application's own included
  std::vector<std::string> cut_off;  ///< the peers that missed the deadline and were killed, by name
  std::chrono::milliseconds took{0};
};

/// Owns the threads, the actor system and every peer in it. Make it first, let it die last: handles and the
/// application's actors must not outlive it. Thread: any, unless a function says otherwise.
class runtime {
 public:
  /// Two workers, or one on a single core; each a thread.
  runtime();
  /// As the options say.
  explicit runtime(runtime_options opts);
  /// Uses the application's own CAF configuration: its message types, modules and options. `config` must outlive the
  /// runtime. `scheduler.max-throughput` is overridden with 64, else a busy actor would keep sockets waiting.
  explicit runtime(caf::actor_system_config& config, runtime_options opts = {});
  /// Runs on the caller's `io`, which one thread at a time may run and which must outlive the runtime. Shutdown and the
  /// destructor run `io` themselves to finish: call them after `io.run()` has returned.
  explicit runtime(boost::asio::io_context& io);
  /// Both.
  runtime(boost::asio::io_context& io, caf::actor_system_config& config);
  runtime(const runtime&) = delete;
  runtime& operator=(const runtime&) = delete;
  /// `shutdown()`, then ends the threads. Aborts the process when called on one of its own worker threads, which could
  /// only wait for itself. Waits for the application's detached actors, which nobody else can end.
  ~runtime();

  /// CAF's actor system, to spawn the application's own actors in.
  caf::actor_system& system() noexcept;

  /// Starts a peer. Throws nothing; a peer whose options are wrong answers every operation with that error.
  peer spawn_peer(options opts);

  /// Ends every peer: channels send what was written and close, calls under way fail. To let channels and calls finish
  /// first, `shutdown` the peers. Waits for them and for the application's actors until `deadline`; who is late is cut
  /// off and reported. Later calls return the first report. Refused on a worker thread: reports so at once and does
  /// nothing. Blocks.
  shutdown_report shutdown(std::chrono::milliseconds deadline = std::chrono::seconds{5});

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace duplex
