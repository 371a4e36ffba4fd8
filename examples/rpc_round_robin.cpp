// SPDX-License-Identifier: BSD-2-Clause
// rpc_round_robin [ENDPOINT]: calls take turns over three workers. One of them hangs and is killed under load: what is
// idempotent is done by the others, what is not is reported, and nothing is done twice.
#include <duplex/rpc.hpp>

#include <boost/asio.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <chrono>
#include <iostream>
#include <map>
#include <semaphore>

namespace rpc = duplex::rpc;

namespace demo {
struct Work {
  rpc::fn<std::string(int), rpc::idempotent> resize;
  rpc::fn<std::string(int)> charge;  // must not happen twice
};
}  // namespace demo

struct fate {
  std::atomic<bool> hangs{false};
  std::counting_semaphore<> hanging{0};  // jobs that do
};

// Says who has done it; hangs when it is told to.
rpc::task<std::string> job(std::string name, std::shared_ptr<fate> with) {
  boost::asio::steady_timer never{co_await boost::asio::this_coro::executor,
                                  boost::asio::steady_timer::time_point::max()};
  if (with->hangs) {
    with->hanging.release();
    co_await never.async_wait(boost::asio::use_awaitable);
  }
  co_return name;
}

// How many of the calls were done, by whom, and why the others were not.
void report(const char* what, std::vector<rpc::call<std::string>> calls) {
  std::map<std::string, int> outcomes;
  for (auto& call : calls) {
    try {
      ++outcomes[call.get()];
    } catch (const rpc::failure& why) {
      ++outcomes[std::string{to_string(why.code())}];
    }
  }
  std::cout << what << ':';
  for (const auto& [outcome, count] : outcomes) std::cout << ' ' << count << ' ' << outcome;
  std::cout << '\n';
}

int main(int argc, char** argv) try {
  const std::string where = argc > 1 ? argv[1] : "tcp://127.0.0.1:0";
  const auto key = duplex::key::generate();  // one key for all; real peers keep theirs in files
  const auto bobs = std::make_shared<fate>(), others = std::make_shared<fate>();
  duplex::runtime rt;
  rpc::peer client = rt.spawn_peer({.name = "client", .identity = key.text(), .host_key = key.fingerprint()});
  std::map<std::string, rpc::peer> workers;
  for (const std::string name : {"ann", "bob", "cem"}) {
    rpc::peer worker = rt.spawn_peer({.name = name, .identity = key.text(), .authorized_keys = key.public_line()});
    const auto work = [name, with = name == "bob" ? bobs : others](int) { return job(name, with); };
    const auto served = worker.serve(demo::Work{.resize = work, .charge = work});
    const auto at = worker.bind(where.starts_with("tcp:") ? where : where + '-' + name);  // a path is for one of them
    if (!served || !at || !client.connect(at->str())) return std::cerr << "no connection\n", 1;
    workers.emplace(name, worker);
  }

  const auto work = client.use<demo::Work>();  // at no peer in particular
  std::vector<rpc::call<std::string>> calls, charges;
  for (int i = 0; i < 30; ++i) calls.push_back(work.resize(i));
  report("resize", std::move(calls));

  bobs->hangs = true;
  calls.clear();
  for (int i = 0; i < 30; ++i) calls.push_back(work.resize(i));
  for (int i = 0; i < 30; ++i) charges.push_back(work.charge(i));
  for (int jobs = 0; jobs < 20; ++jobs)
    if (!bobs->hanging.try_acquire_for(std::chrono::seconds{10})) return std::cerr << "bob has not begun\n", 1;
  caf::anon_send_exit(workers["bob"].actor(), caf::exit_reason::kill);  // to the client as if the process had died
  report("resize, bob killed", std::move(calls));
  report("charge, bob killed", std::move(charges));

  calls.clear();
  for (int i = 0; i < 30; ++i) calls.push_back(work.resize(i));
  report("resize", std::move(calls));
} catch (const rpc::failure& why) {
  return std::cerr << why.what() << '\n', 1;
}
