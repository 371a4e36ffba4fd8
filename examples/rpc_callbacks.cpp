// SPDX-License-Identifier: BSD-2-Clause
// rpc_callbacks [ENDPOINT]: functions as arguments and as results; those who lend them may be asked, told, and left.
#include <duplex/rpc.hpp>

#include <future>
#include <iostream>
#include <map>

namespace rpc = duplex::rpc;

namespace demo {
struct score {
  std::string player;
  int points = 0;
};
struct player {  // functions may stand in structs
  std::string name;
  rpc::fn<int(int)> guess;             // asked, and answered
  rpc::fn<rpc::oneway(score)> on_win;  // told, without an answer
};
struct Game {
  rpc::fn<rpc::fn<void()>(player)> join;  // gives a function back: to leave
  rpc::fn<std::string(int)> play;
};
}  // namespace demo

// What the server knows. Handlers take turns on the runtime's one worker, so it needs no lock.
struct table {
  std::map<int, demo::player> players;
  int next = 0;
};

rpc::task<std::string> play(std::shared_ptr<table> at, int secret) {
  const auto players = at->players;  // who leaves while others are asked still plays
  demo::score best{"nobody", 0};
  for (const auto& [seat, player] : players) {
    auto asking = player.guess(10);  // a call like any other: with a deadline, and the caller's failures
    const int points = 10 - std::abs(secret - co_await std::move(asking));
    if (points > best.points) best = {player.name, points};
  }
  for (const auto& [seat, player] : players) player.on_win(best);
  co_return best.player;
}

demo::Game game() {
  const auto at = std::make_shared<table>();
  return {
      .join =
          [at](const demo::player& who) {
            const int seat = at->next++;
            at->players.emplace(seat, who);  // its functions live on after the call, until the last copy goes
            return rpc::fn<void()>{[at, seat] { at->players.erase(seat); }};
          },
      .play = [at](int secret) { return play(at, secret); },
  };
}

int main(int argc, char** argv) try {
  const auto key = duplex::key::generate();  // one key for both; real peers keep theirs in files
  duplex::runtime rt{{.workers = 1}};
  rpc::peer hub = rt.spawn_peer({.name = "hub", .identity = key.text(), .authorized_keys = key.public_line()});
  const auto served = hub.serve(game());
  const auto at = hub.bind(argc > 1 ? argv[1] : "tcp://127.0.0.1:0");
  rpc::peer me = rt.spawn_peer({.name = "me", .identity = key.text(), .host_key = key.fingerprint()});
  if (!served || !at || !me.connect(at->str())) return std::cerr << "no connection\n", 1;

  const auto game = me.use<demo::Game>("hub");
  std::promise<void> told;
  demo::player ann{.name = "ann", .guess = [](int most) { return most / 2; }, .on_win = [](const demo::score&) {}};
  demo::player bob{.name = "bob",
                   .guess = [](int most) { return most; },
                   .on_win =
                       [&](const demo::score& best) {
                         std::cout << "bob hears: " << best.player << " has " << best.points << '\n';
                         told.set_value();
                       }};
  const std::vector<rpc::fn<void()>> leave{game.join(ann).get(), game.join(bob).get()};
  const auto winner = game.play(4).get();
  told.get_future().wait();
  std::cout << "the winner is " << winner << '\n' << me.lent() << " functions are lent\n";
  for (const auto& one : leave) one().get();
  std::cout << "all have left, " << me.lent() << " functions are lent\n";
} catch (const rpc::failure& why) {
  return std::cerr << why.what() << '\n', 1;
}
