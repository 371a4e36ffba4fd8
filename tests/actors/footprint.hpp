// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "tests/actors/support.hpp"
#include "tests/transport/folder.hpp"

#include <caf/actor_registry.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <malloc.h>

#include <filesystem>

namespace duplex::test {

/// What sessions and channels cost; looked at before and after to see what is left of them.
struct footprint {
  std::size_t actors, descriptors, heap;

  static footprint of(runtime& rt) {
    const std::filesystem::directory_iterator all{"/proc/self/fd"};
    return {rt.system().registry().running(), static_cast<std::size_t>(std::distance(begin(all), end(all))),
            ::mallinfo2().uordblks};
  }
  /// Whether what is there comes down to this again; memory aside.
  bool is_back(runtime& rt) const {
    footprint now{};
    const bool back = eventually([&] {
      now = of(rt);
      return now.actors <= actors && now.descriptors <= descriptors;
    });
    if (!back)
      UNSCOPED_INFO("actors " << actors << " -> " << now.actors << ", descriptors " << descriptors << " -> "
                              << now.descriptors);
    return back;
  }
};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool heap_is_known = false;
#else
inline constexpr bool heap_is_known = true;
#endif

/// The events of a peer, as "up me", "draining me", "down me: closed: why".
class observed {
 public:
  observed(runtime& rt, const peer& whom) {
    actor_ = rt.system().spawn([log = log_](caf::event_based_actor*) -> caf::behavior {
      return {[log](event_atom, const peer_event& event) {
        static constexpr const char* words[] = {"up ", "down ", "draining ", "ended "};
        log->add(words[static_cast<int>(event.what)] + event.peer.name +
                 (event.reason ? ": " + event.reason.message() : ""));
      }};
    });
    caf::scoped_actor self{rt.system(), true};
    self->request(whom.actor(), patience, subscribe_atom_v, actor_)
        .receive([] {}, [](caf::error& why) { FAIL(from_caf(why).message()); });
  }
  ~observed() { caf::anon_send_exit(actor_, caf::exit_reason::user_shutdown); }
  observed(const observed&) = delete;
  observed& operator=(const observed&) = delete;

  std::vector<std::string> wait_for(std::size_t count) { return log_->wait_for(count); }
  /// How many of them begin so.
  std::size_t count(std::string_view what) {
    std::size_t n = 0;
    for (const auto& line : log_->wait_for(0)) n += line.starts_with(what) ? 1 : 0;
    return n;
  }
  /// Drops what has come so far.
  void forget() { log_->clear(); }
  bool wait_for(std::string_view what, std::size_t times) {
    return eventually([&] { return count(what) >= times; });
  }

 private:
  std::shared_ptr<seen<std::string>> log_ = std::make_shared<seen<std::string>>();
  caf::actor actor_;
};

/// An endpoint to bind of each kind there is for two peers of one process.
inline std::string endpoint_of(std::string_view kind, const transport_tests::folder& in) {
  if (kind == "unix") return "unix://" + in.path("hub.sock");
  return kind == "inproc" ? "inproc://" + in.path("hub") : "tcp://127.0.0.1:0";
}

}  // namespace duplex::test
