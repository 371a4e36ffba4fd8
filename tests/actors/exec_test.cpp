// SPDX-License-Identifier: BSD-2-Clause
// What is special of exec: endpoints, with the duplex command as the child.
#include "tests/actors/support.hpp"
#include "tests/tools/program.hpp"
#include "tests/transport/folder.hpp"

#include <unistd.h>

#include <csignal>
#include <cstdlib>

using namespace duplex;
using namespace duplex::test;
using Catch::Contains;
using tools_tests::wait_until_gone;
using transport_tests::folder;

namespace {

struct parent {
  explicit parent(options settings = {}) {
    settings.identity = test_key().text();
    settings.reconnect_delay = 5ms;
    me = rt.spawn_peer(settings);
  }

  /// The endpoint: `before` runs first, the shell's place is then taken by a child that serves echo.
  [[nodiscard]] std::string serving(const std::string& before = {}) const {
    return "exec:" + before + " DUPLEX_HOME=" + files.path("home") +
           " exec " DUPLEX_BIN_DIR "/duplex serve --bind stdio: echo=echo 2>/dev/null";
  }
  /// Notes its process' id in the file `id`, each on a line of its own.
  [[nodiscard]] std::string noted() const { return "echo $$ >>" + files.path("id") + ';'; }
  /// The last id noted; waits for it to be another than `than`.
  [[nodiscard]] pid_t id(pid_t than = 0) const {
    pid_t found = 0;
    REQUIRE(eventually([&] {
      auto all = files.read("id");
      if (!all.ends_with('\n')) return false;
      all.pop_back();
      found = std::stoi(all.substr(all.rfind('\n') + 1));
      return found != than;
    }));
    return found;
  }
  bool echoes() {
    auto ch = me.open({}, "echo");
    return ch && ch->write("x") && ch->close_write() && read_all(*ch) == "x";
  }

  folder files;
  runtime rt;
  peer me;
};

}  // namespace

TEST_CASE("exec: a command is a peer; neither side has the other's key on a list", "[exec]") {
  parent p;
  const auto where = p.serving();
  const auto up = p.me.connect(where);
  REQUIRE(up);
  CHECK(up->name == where);
  CHECK(up->address == where);
  CHECK(p.echoes());
  CHECK(p.me.connect(where).error().code() == errc::already_exists);
}

TEST_CASE("exec: the option host_key still pins the child's key", "[exec]") {
  parent p{{.host_key = test_key().fingerprint()}};
  CHECK(p.me.connect(p.serving()).error().code() == errc::host_key);
}

TEST_CASE("exec: the child takes its parent's key only", "[exec]") {
  parent p;
  const auto other = "DUPLEX_PARENT_KEY='" + key::generate().public_line() + "'";
  CHECK(p.me.connect(p.serving(other)).error().code() == errc::auth_failed);
}

TEST_CASE("exec: a variable of that name that this process has is not passed on", "[exec]") {
  const transport_tests::variable inherited{"DUPLEX_PARENT_KEY", "another"};
  parent p;
  REQUIRE(p.me.connect(p.serving("env | grep -c ^DUPLEX_PARENT_KEY= >" + p.files.path("count") + ';')));
  CHECK(p.files.read("count") == "1\n");
}

TEST_CASE("exec: a command that ends at once is told with how it ended", "[exec]") {
  parent p;
  const auto fails = [&](const std::string& command, const std::string& how) {
    const auto failed = p.me.connect("exec:" + command);
    INFO(command);
    CHECK(failed.error().code() == errc::connection_failed);
    CHECK_THAT(failed.error().context(), Contains("connect 'exec:" + command) && Contains(how));
  };
  fails("/nonsense 2>/dev/null", "the command ended with status 127");
  fails("exit 0", "the command ended with status 0");
  fails("kill -KILL $$", "the command was ended by SIGKILL");
  fails("head -c 100000 /dev/zero; exit 3", "key exchange");
}

TEST_CASE("exec: a command that never speaks SSH is given up after connect_timeout, and ended", "[exec]") {
  parent p{{.connect_timeout = 100ms, .reconnect_delay_max = 1h}};
  const auto failed = p.me.connect("exec:" + p.noted() + "echo hello; exec sleep 1000");
  CHECK(failed.error().code() == errc::timed_out);
  CHECK(wait_until_gone(p.id()));
}

TEST_CASE("exec: a child that is killed is run again", "[exec]") {
  parent p;
  REQUIRE(p.me.connect(p.serving(p.noted())));
  const auto first = p.id();
  ::kill(first, SIGKILL);
  const auto second = p.id(first);
  CHECK(eventually([&] { return p.echoes(); }));
  CHECK(::kill(second, 0) == 0);
  CHECK((::kill(first, 0) != 0 && errno == ESRCH));  // reaped
}

TEST_CASE("exec: disconnect leaves no process of the group behind", "[exec]") {
  parent p{{.linger = 50ms}};
  const auto helper = p.files.path("helper");
  const std::string stubborn = GENERATE("", "trap '' TERM; ");
  // The helper ends neither with the child nor by SIGTERM when it is stubborn.
  const auto where = p.serving("(" + stubborn + "while :; do sleep 1; done) </dev/null >/dev/null & echo $! >" +
                               helper + ';' + p.noted());
  REQUIRE(p.me.connect(where));
  REQUIRE(p.me.disconnect(where));
  CHECK(wait_until_gone(p.id()));
  CHECK(wait_until_gone(std::stoi(p.files.read("helper"))));
}

TEST_CASE("exec: a command that ignores its stdin's end and SIGTERM is killed after linger", "[exec]") {
  parent p{{.connect_timeout = 100ms, .linger = 50ms}};
  CHECK_FALSE(p.me.connect("exec:" + p.noted() + "trap '' TERM; while :; do sleep 1; done"));
  CHECK(wait_until_gone(p.id()));
}

TEST_CASE("exec: the runtime's end leaves no process behind", "[exec]") {
  pid_t id = 0;
  {
    parent p{{.linger = 50ms}};
    REQUIRE(p.me.connect(p.serving(p.noted())));
    id = p.id();
    const auto report = p.rt.shutdown();
    CHECK(report.clean);
    CHECK((::kill(id, 0) != 0 && errno == ESRCH));
  }
  REQUIRE(id != 0);
}

TEST_CASE("exec: the command has the signals of a shell, this stderr and no other descriptor of ours", "[exec]") {
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);  // inherited by the workers
  const auto was = std::signal(SIGUSR1, SIG_IGN);
  {
    parent p;
    REQUIRE(p.me.bind("unix://" + p.files.path("socket")));
    REQUIRE(p.me.connect(p.serving("grep -E 'SigBlk|SigIgn' /proc/self/status >" + p.files.path("signals") +
                                   "; readlink /proc/$$/fd/2 >" + p.files.path("stderr") +
                                   "; readlink /proc/$$/fd/* >" + p.files.path("all") + ';')));
    // glibc leaves the two that it has for itself ignored.
    CHECK(p.files.read("signals") == "SigBlk:\t0000000000000000\nSigIgn:\t0000000180000000\n");
    char own[256] = {};
    REQUIRE(::readlink("/proc/self/fd/2", own, sizeof own - 1) > 0);
    CHECK(p.files.read("stderr") == std::string{own} + '\n');
    CHECK_THAT(p.files.read("all"), !Contains("[eventpoll]") && !Contains("pidfd"));
  }
  std::signal(SIGUSR1, was);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_CASE("exec: is for connect, as stdio: is for bind", "[exec]") {
  parent p;
  CHECK(p.me.bind("exec:true").error().code() == errc::invalid_argument);
  CHECK_THAT(p.me.bind("exec:true").error().context(), Contains("connect"));
  CHECK(p.me.connect("stdio:").error().code() == errc::invalid_argument);
}
