// SPDX-License-Identifier: BSD-2-Clause
#include "transport/authorized_keys.hpp"

#include <duplex/key.hpp>

#include "tests/transport/keys.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <sstream>
#include <string>
#include <vector>

using namespace duplex;
using namespace duplex::transport;
using strings = std::vector<std::string>;
using namespace std::string_view_literals;
using transport_tests::shown;

namespace {

constexpr int mutations = 20'000;

strings corpus() {
  std::vector<std::filesystem::path> paths;
  for (const auto& file :
       std::filesystem::directory_iterator{DUPLEX_SOURCE_DIR "/tests/transport/corpus/authorized_keys"})
    paths.push_back(file.path());
  std::sort(paths.begin(), paths.end());
  strings texts;
  for (const auto& path : paths) {
    std::ifstream in{path, std::ios::binary};
    texts.emplace_back(std::istreambuf_iterator<char>{in}, std::istreambuf_iterator<char>{});
  }
  return texts;
}

// The keys that libssh finds in the files, whatever stands before them.
std::vector<ssh_key_ptr> keys_of(const strings& texts) {
  std::vector<ssh_key_ptr> found;
  for (const auto& text : texts) {
    std::istringstream words{text};
    for (std::string type, word; words >> word; type = word) {
      ssh_key raw = nullptr;
      if (word.starts_with("AAAA") &&
          ssh_pki_import_pubkey_base64(word.c_str(), ssh_key_type_from_name(type.c_str()), &raw) == SSH_OK)
        found.emplace_back(raw);
    }
  }
  return found;
}

strings lines_of(const std::string& text) {
  strings lines;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// A second opinion, simpler than the parser: without what stands in quotes, only the options that are known remain.
bool holds_known_options_only(const std::string& line) {
  static const strings known{"restrict",     "permitopen=", "permitlisten=",     "environment=",        "from=",
                             "expiry-time=", "no-pty",      "no-x11-forwarding", "no-agent-forwarding", "no-user-rc"};
  std::string options;
  bool within = false;
  const auto start = line.find_first_not_of(" \t\r");
  for (std::size_t at = start; at < line.size(); ++at) {
    if (line[at] == '\\' && at + 1 < line.size() && line[at + 1] == '"')
      ++at;
    else if (line[at] == '"')
      within = !within;
    else if (!within && (line[at] == ' ' || line[at] == '\t' || line[at] == '\r'))
      break;
    else if (!within)
      options += static_cast<char>(std::tolower(static_cast<unsigned char>(line[at])));
  }
  if (options.starts_with("ssh-") || options.starts_with("ecdsa-") || options.starts_with("sk-")) return true;
  std::istringstream in{options};
  for (std::string one; std::getline(in, one, ',');)
    if (std::find(known.begin(), known.end(), one) == known.end()) return false;
  return true;
}

std::size_t number_in(const std::string& name, const std::string& where) {
  REQUIRE(where.starts_with(name + ':'));
  std::size_t end = 0;
  const auto number = std::stoul(where.substr(name.size() + 1), &end);
  const auto after = name.size() + 1 + end;
  REQUIRE((after == where.size() || where.compare(after, 2, ": ") == 0));
  return number;
}

class mutator {
 public:
  explicit mutator(strings seeds) : seeds_(std::move(seeds)) {}

  std::string next() {
    auto text = any();
    for (auto times = below(4) + 1; times > 0; --times) change(text);
    return text;
  }
  std::size_t below(std::size_t end) { return random_() % end; }

 private:
  const std::string& any() { return seeds_[below(seeds_.size())]; }
  void change(std::string& text) {
    static constexpr auto nasty = "\"\"\",,\\\\\n\n\0\r \t=*@:!/#"sv;
    const auto at = below(text.size() + 1);
    switch (below(6)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
        break;
      case 1:
        text.insert(at, 1, nasty[below(nasty.size())]);
        break;
      case 2:
        text.erase(at, below(40));
        break;
      case 3:
        text.resize(at);
        break;
      case 4:
        text.insert(at, text.substr(below(text.size() + 1), below(200)));
        break;
      default: {
        const auto& other = any();
        text = text.substr(0, at) + other.substr(below(other.size() + 1));
      }
    }
  }

  strings seeds_;
  std::mt19937 random_{20240229};
};

// What must hold of any text. Catch's assertions are dear, so there are few in here.
bool check_text(const std::string& text, ssh_key listed, ssh_key stranger) {
  const std::string name = "/a/keys";
  const auto lines = lines_of(text);
  const auto keys = authorized_keys::parse(name, text), again = authorized_keys::parse(name, text);
  const auto now = std::chrono::system_clock::from_time_t(1'750'000'000);
  for (const auto& problem : keys.problems()) {
    const auto number = number_in(name, problem);
    if (number < 1 || number > lines.size()) FAIL(problem);
  }
  for (const auto* address : {"", "10.0.0.1", "::ffff:192.0.2.7", "fe80::1%eth0"}) {
    const auto found = keys.check(listed, address, now), same = again.check(listed, address, now);
    if (found.why != same.why || found.allowed != same.allowed || keys.problems() != again.problems()) FAIL(text);
    if (found.allowed != (found.may != nullptr) || found.why.empty()) FAIL(text);
    if (!found.allowed) continue;
    const auto& line = lines.at(number_in(name, found.why) - 1);
    if (!holds_known_options_only(line)) FAIL(line);
    if (!found.may->may_open("@duplex", 1) || found.may->may_listen("@duplex", 1)) FAIL(line);
  }
  return !keys.check(stranger, "10.0.0.1", now).allowed;
}

}  // namespace

TEST_CASE("authorized keys: whatever the text, no line admits more than is written", "[authorized keys]") {
  const auto texts = corpus();
  REQUIRE(texts.size() >= 15);
  const auto listed = keys_of(texts);
  REQUIRE(listed.size() > 20);
  const auto other = key::generate();
  const auto stranger = shown(other);
  for (const auto& text : texts)
    for (const auto& one : listed) REQUIRE(check_text(text, one.get(), stranger.get()));
  mutator random{texts};
  int admitting = 0;
  for (int n = 0; n < mutations; ++n) {
    const auto text = random.next();
    if (!check_text(text, listed[random.below(listed.size())].get(), stranger.get())) FAIL(n);
    if (!authorized_keys::parse("f", text).admits_nobody()) ++admitting;
  }
  CHECK(admitting > mutations / 4);  // else the mutations were too wild to show anything
  CHECK(admitting < mutations);
}

TEST_CASE("authorized keys: every kind of key that ssh-keygen makes is found", "[authorized keys]") {
  const auto texts = corpus();
  std::string all;
  for (const auto& text : texts) all += text + '\n';
  strings types;
  for (const auto& one : keys_of(texts)) {
    const auto line = public_line_of(one.get());
    const auto type = types.emplace_back(line.substr(0, line.find(' ')));
    CAPTURE(line);
    const auto found = authorized_keys::parse("f", line).check(one.get(), "");
    if (type.find("-cert-") != std::string::npos || type.starts_with("sk-"))
      CHECK_THAT(found.why, Catch::Contains("not taken"));
    else
      CHECK(found.why == "f:1");
  }
  for (const auto* type : {"ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp521",
                           "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"})
    CHECK(std::find(types.begin(), types.end(), type) != types.end());
}
