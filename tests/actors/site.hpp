// SPDX-License-Identifier: BSD-2-Clause
// What the behaviour suite runs on: `behaviour_*_test.cpp`, each case on each transport.
#pragma once

#include "tests/actors/hub/services.hpp"
#include "tests/actors/support.hpp"
#include "tests/transport/folder.hpp"

#include <memory>

namespace duplex::test {

/// The ways to the hub; `pipes` is exec: with two pipes in place of the one socket.
enum class transport { tcp, unix_socket, inproc, fd, exec, pipes };

/// The peer `me` of this process, connected to a remote peer `hub` that has the services of `serve_behaviour`, wherever
/// it lives. Neither dials a second time.
class site {
 public:
  explicit site(transport over, options for_both = {}) : site(over, for_both, for_both) {}
  site(transport over, options for_hub, options for_me);
  ~site();

  /// Opens a channel to a service of the hub, which must succeed.
  channel open(std::string_view service, const std::vector<std::string>& headers = {});
  /// Loses the hub: it dies without a word.
  void cut();

  static const key& my_key();
  static const key& hub_key();

 private:
  struct remote;
  void connect_within(transport over, const options& for_hub);
  std::string command(transport over, const options& for_hub) const;

  transport_tests::folder files_;
  std::unique_ptr<remote> remote_;  // when it lives in this process

 public:
  runtime rt;
  peer me;
  std::string where;
};

/// The error's code; `none` for a success.
errc code_of(const auto& outcome) { return outcome.error().code(); }

void add_behaviour(transport over, const char* claim, void (*body)(), const Catch::SourceLineInfo& at);

template <void (*Body)(transport), transport... Over>
int add_behaviours(const char* claim, const Catch::SourceLineInfo& at) {
  (add_behaviour(
       Over, claim, [] { Body(Over); }, at),
   ...);
  return 0;
}

}  // namespace duplex::test

/// A test case for each transport, as a function of `over`, which it may only make sites from.
#define BEHAVIOUR(claim) DUPLEX_BEHAVIOUR(claim, INTERNAL_CATCH_UNIQUE_NAME(behaviour_))
#define DUPLEX_BEHAVIOUR(claim, body) DUPLEX_BEHAVIOUR_NAMED(claim, body)
#define DUPLEX_BEHAVIOUR_NAMED(claim, body)                                                                        \
  static void body(::duplex::test::transport over);                                                                \
  [[maybe_unused]] static const int body##_added =                                                                 \
      ::duplex::test::add_behaviours<body, ::duplex::test::transport::tcp, ::duplex::test::transport::unix_socket, \
                                     ::duplex::test::transport::inproc, ::duplex::test::transport::fd,             \
                                     ::duplex::test::transport::exec, ::duplex::test::transport::pipes>(           \
          claim, CATCH_INTERNAL_LINEINFO);                                                                         \
  static void body(::duplex::test::transport over)
