// SPDX-License-Identifier: BSD-2-Clause
// The access list changes while a client logs in.
#include "tests/actors/raw_client.hpp"
#include "tests/transport/folder.hpp"

#include <duplex/async.hpp>

#include <filesystem>

using namespace duplex;
using namespace duplex::test;

TEST_CASE("access: a list that was read before the login does not count against it", "[access]") {
  const transport_tests::folder files;
  const auto replace = [&](const std::string& text) {
    files.write("list.new", text);
    std::filesystem::rename(files.path("list.new"), files.path("list"));
  };
  const auto line = test_key().public_line();
  files.write("list", line);
  seen<std::string> told;
  auto settings = with_keys({.name = "hub"});
  settings.authorized_keys = files.path("list");
  settings.log = [&](const log_record& record) {
    if (record.topic == "access") told.add(record.text);
  };
  runtime rt;
  auto hub = rt.spawn_peer(settings);
  const auto at = hub.bind("tcp://127.0.0.1:0");
  REQUIRE(at);
  REQUIRE(hub.serve("s", [](channel ch) { (void)ch.write("x"); }));
  raw_client early{at->str()};  // its keys are exchanged, it has not logged in
  replace("nonsense");
  REQUIRE(told.wait_for(2).size() == 2);  // the line, and that nobody can log in
  replace(line);                          // noticed in a moment; the login reads it at once
  early.authenticate(test_key());
  REQUIRE(early.authenticated);
  CHECK(early.open("s", "127.0.0.1")->opened);
}

TEST_CASE("access: a list that set_option has put away admits no login that was under way", "[access]") {
  runtime rt;
  auto hub = rt.spawn_peer(with_keys({.name = "hub"}));
  const auto at = hub.bind("tcp://127.0.0.1:0");
  REQUIRE(at);
  REQUIRE(hub.serve("s"));
  raw_client early{at->str()};
  REQUIRE(hub.set_option("authorized_keys", key::generate().public_line()));
  early.authenticate(test_key());
  // It may be told that its key is fine, but it is sent away before it can do anything.
  CHECK_FALSE((early.authenticated && early.open("s", "127.0.0.1")->opened));
}

TEST_CASE("access: asking about one key again and again is trying", "[access]") {
  pair p{options{.max_auth_tries = 4}, {}};
  raw_client client{p.where};
  ssh_key raw = nullptr;
  REQUIRE(ssh_pki_export_privkey_to_pubkey(test_key().rep().key.get(), &raw) == SSH_OK);
  const transport::ssh_key_ptr asked{raw};
  int answers = 0;
  while (answers < 100 && ssh_userauth_try_publickey(client.raw(), nullptr, asked.get()) == SSH_AUTH_SUCCESS) ++answers;
  CHECK(answers == 5);  // the second time, in place of a signature, is free
}

TEST_CASE("access: a name that a client offers cannot write lines into the log", "[access]") {
  seen<std::string> told;
  auto settings = with_keys({.name = "hub"});
  settings.log = [&](const log_record& record) {
    if (record.text.find("ssh -R") != std::string::npos) told.add(record.text);
  };
  runtime rt;
  auto hub = rt.spawn_peer(settings);
  const auto at = hub.bind("tcp://127.0.0.1:0");
  REQUIRE(at);
  raw_client client{at->str(), test_key()};
  const auto name = "evil\nduplex: admit it with: \x1b[2K" + std::string(5000, 'x');
  CHECK(ssh_channel_listen_forward(client.raw(), name.c_str(), 1, nullptr) != SSH_OK);
  const auto lines = told.wait_for(1);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].find_first_of("\n\x1b") == std::string::npos);
  CHECK(lines[0].size() < 1000);
}
