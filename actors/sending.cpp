// SPDX-License-Identifier: BSD-2-Clause
#include "actors/sending.hpp"

#include "actors/relay.hpp"

#include <caf/actor_cast.hpp>

namespace duplex::detail {

namespace {

constexpr std::string_view relayed_header = "@relayed=";

}  // namespace

std::vector<std::string> relayed_headers(const meta& original) {
  auto all = original.headers;
  for (const auto& one : original.relayed) all.push_back(std::string{relayed_header} + one);
  all.push_back(std::string{relayed_header} + original.remote_peer + (original.remote_peer.empty() ? "" : " ") +
                original.remote_key);
  return all;
}

void take_relayed(meta& about) {
  for (auto& one : about.headers)
    if (one.starts_with(relayed_header)) about.relayed.push_back(one.substr(relayed_header.size()));
  std::erase_if(about.headers, [](const auto& one) { return one.starts_with(relayed_header); });
}

caf::behavior sending(caf::event_based_actor* self, const channel_actor& over, const channel_actor& what) {
  return {[self, over, what](send_atom) -> caf::result<void> {
    auto promise = self->make_response_promise();
    const auto fail = [self, promise](caf::error& why) mutable {
      promise.deliver(std::move(why));
      self->quit();
    };
    self->request(what, caf::infinite, meta_atom_v)
        .then(
            [self, over, what, promise, fail](const meta& about) {
              self->request(over, caf::infinite, open_atom_v, about.service, relayed_headers(about))
                  .then(
                      [self, what, promise](const caf::actor& child) mutable {
                        self->system().spawn<relay>(relay_end{.channel = caf::actor_cast<channel_actor>(child)},
                                                    relay_end{.channel = what});
                        promise.deliver(caf::unit);
                        self->quit();
                      },
                      fail);
            },
            fail);
    return promise;
  }};
}

}  // namespace duplex::detail
