// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/async.hpp>
#include <duplex/key.hpp>
#include <duplex/peer.hpp>

#include "tools/duplex/commands.hpp"
#include "tools/duplex/demo.hpp"
#include "tools/duplex/rpc_session.hpp"
#include "tools/duplex/services.hpp"

#include <unistd.h>

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <functional>
#include <map>
#include <optional>

namespace duplex::tools {
namespace {

error wrong(std::string text) { return {errc::invalid_argument, std::move(text)}; }

result<std::map<std::string, service>> parse_services(const std::vector<std::string>& given,
                                                      const std::shared_ptr<const peer>& by) {
  std::map<std::string, service> services;
  for (const auto& argument : given) {
    const auto at = argument.find('=');
    const auto name = argument.substr(0, at);
    if (at == std::string::npos)
      return wrong("'" + argument + "' is no NAME=KIND; --bind and --connect take one endpoint each");
    if (!is_valid_name(name) || name.starts_with('@'))
      return wrong("'" + name + "' is no service name: 1 to 255 letters, digits and . _ / @ -, not beginning with @");
    auto made = make_service(argument.substr(at + 1), by);
    if (!made) return made.error();
    if (!services.emplace(name, std::move(*made)).second) return wrong("service '" + name + "' is named twice");
  }
  return services;
}

result<void> check_endpoints(const serve_arguments& given) {
  if (given.bind.empty() && given.connect.empty()) return wrong("nothing to --bind or --connect");
  for (const auto* list : {&given.bind, &given.connect})
    for (const auto& text : *list)
      if (const auto where = endpoint::parse(text); !where) return where.error();
  return {};
}

// From now on these wait for `wait_for_signal`. Before any thread starts, which would else take them.
sigset_t block_signals() {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  if (ends_by_hangup()) sigaddset(&ends, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  return ends;
}

// They stay blocked: timeout(1) sends each signal twice, and the second must not cut the drain short.
void wait_for_signal(const sigset_t& ends) {
  int which = 0;
  sigwait(&ends, &which);
}

// On the first use, when there is no list of keys yet: what to type once there is.
void suggest_login(const options& settings, const std::vector<endpoint>& bound, const std::string& option,
                   const std::string& command) {
  const auto list =
      settings.authorized_keys.empty() ? configuration_folder() + "/authorized_keys" : settings.authorized_keys;
  if (::access(list.c_str(), F_OK) == 0) return;
  for (const auto& at : bound)
    if (at.type() == endpoint::kind::tcp) {
      write_all(STDERR_FILENO, "duplex: then try: ssh -p " + std::to_string(at.number()) + ' ' +
                                   (option.empty() ? "" : option + ' ') + at.target() + ' ' + command + '\n');
      return;
    }
}

// stdin and stdout are then the connection.
bool binds_stdio(const serve_arguments& given) {
  return std::find(given.bind.begin(), given.bind.end(), "stdio:") != given.bind.end();
}

// What was bound for one session is over with it, and so is this program; and so it is when nothing is bound and no
// endpoint is left to be dialled again. `over` hears why.
void end_when_nothing_is_left(runtime& rt, const peer& hub, const serve_arguments& given,
                              std::function<void(const error&)> over) {
  auto& system = rt.system();
  const auto observer = system.spawn([bound = given.bind, dialled = given.connect.size(),
                                      over = std::move(over)](caf::event_based_actor*) -> caf::behavior {
    return {[=, left = dialled](event_atom, const peer_event& event) mutable {
      if (event.what != peer_event::kind::ended) return;
      if (std::find(bound.begin(), bound.end(), event.peer.address) != bound.end())
        over({errc::closed, "the session is over"});
      else if (left != 0 && --left == 0 && bound.empty())
        over({event.reason.code(), "connect '" + event.peer.address + "': " + event.reason.context()});
    }};
  });
  caf::anon_send(hub.actor(), subscribe_atom_v, observer);
}

/// demo.Calc, from its construction to its end.
class demonstration {
 public:
  explicit demonstration(const peer& hub) : peer_(hub), served_(peer_.serve(demo::calculator())) {}
  demonstration(const demonstration&) = delete;
  demonstration& operator=(const demonstration&) = delete;
  ~demonstration() { (void)peer_.withdraw(rpc::service_name<demo::Calc>()); }

  /// Errors: `already_exists`.
  [[nodiscard]] const result<void>& served() const noexcept { return served_; }

 private:
  rpc::peer peer_;
  result<void> served_;
};

}  // namespace

int serve(const serve_arguments& given) {
  auto settings = peer_options(given.peer, true);
  if (!settings) return fail(given.peer, settings.error(), usage);
  const auto by = std::make_shared<peer>();  // services of other peers are opened through it
  const auto services = parse_services(given.services, by);
  if (!services) return fail(given.peer, services.error(), usage);
  if (const auto checked = check_endpoints(given); !checked) return fail(given.peer, checked.error(), usage);
  std::optional<std::string> said;  // a passphrase is asked for once, though the peer reads the file again
  const auto ask = settings->passphrase;
  if (ask) settings->passphrase = [&](const std::string& file) { return said = ask(file); };
  const auto identity = key::from_option(settings->identity, settings->passphrase, !settings->identity_agent.empty());
  if (!identity) return fail(given.peer, identity.error(), failure);
  if (ask) settings->passphrase = [said](const std::string&) { return said; };

  const bool by_stdio = binds_stdio(given);  // stdout is the connection then; who is there knows that we are ready
  const int says = by_stdio ? STDERR_FILENO : STDOUT_FILENO;
  const auto ends = block_signals();
  std::atomic<int> status{0};
  std::atomic_flag told;  // why it ends
  std::atomic<std::size_t> attempts{given.connect.size() + 1};
  const auto attempted = [&attempts, by_stdio] {
    if (--attempts == 0 && !by_stdio) write_all(STDOUT_FILENO, "ready\n");
  };

  runtime rt;
  auto hub = *by = rt.spawn_peer(*settings);
  for (const auto& [name, handler] : *services)
    if (const auto served = hub.serve(name, handler); !served) return fail(given.peer, served.error(), failure);
  std::optional<demonstration> demo;
  if (given.demo) demo.emplace(hub);
  if (demo && !demo->served()) return fail(given.peer, demo->served().error(), failure);
  const auto end_with = [&](const error& why) {
    if (told.test_and_set()) return;
    if (why.code() != errc::closed) status = fail(given.peer, why, failure);
    ::kill(::getpid(), SIGTERM);
  };
  end_when_nothing_is_left(rt, hub, given, end_with);
  std::vector<endpoint> listening;
  for (const auto& where : given.bind) {
    const auto bound = hub.bind(where);
    if (!bound) return fail(given.peer, bound.error(), failure);
    listening.push_back(*bound);
    if (bound->type() != endpoint::kind::stdio)
      write_all(says, "listening " + bound->str() + ' ' + identity->fingerprint() + '\n');
  }
  for (const auto& where : given.connect)
    hub.async_connect(where, [&, attempted](const result<peer_info>& found) {
      if (told.test()) return;                                                       // we are ending
      if (found || !duplex::is_permanent(found.error().code())) return attempted();  // the log has told of a failure
      end_with(found.error());  // not dialled again; whatever else is there: it is as if the arguments were wrong
    });
  attempted();
  if (!services->empty())
    suggest_login(*settings, listening, "-s", services->begin()->first);
  else if (given.demo)
    suggest_login(*settings, listening, "", "demo.Calc.add 1 2");

  wait_for_signal(ends);
  told.test_and_set();  // what ends now was told to
  if (const auto ended = hub.shutdown(); !ended) fail(given.peer, ended.error(), failure);
  demo.reset();
  rt.shutdown();
  return status;
}

}  // namespace duplex::tools
