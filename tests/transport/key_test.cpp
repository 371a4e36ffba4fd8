// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/key.hpp>

#include "tests/transport/folder.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

using namespace duplex;
using Catch::Contains;
using strings = std::vector<std::string>;
using transport_tests::folder;
using transport_tests::variable;

namespace {

mode_t mode_of(const std::string& path) {
  struct stat about {};
  REQUIRE(::stat(path.c_str(), &about) == 0);
  return about.st_mode & 07777;
}

// What a shell command prints; it must succeed.
std::string output_of(const std::string& command) {
  FILE* pipe = ::popen((command + " 2>&1 </dev/null").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string text;
  char chunk[4096];
  while (const auto n = std::fread(chunk, 1, sizeof chunk, pipe)) text.append(chunk, n);
  const int status = ::pclose(pipe);
  INFO(command << ": " << text);
  REQUIRE(status == 0);
  return text;
}

void check_refused(const result<key>& got, const std::string& path, const std::string& why) {
  REQUIRE_FALSE(got);
  CHECK(got.error().code() == errc::key_file);
  CHECK_THAT(got.error().context(), Contains("'" + path + "'") && Contains(why));
}

}  // namespace

TEST_CASE("key: two made are two", "[key]") {
  const auto a = key::generate(), b = key::generate();
  CHECK(a.fingerprint() != b.fingerprint());
  CHECK_THAT(a.fingerprint(), Catch::StartsWith("SHA256:"));
  CHECK(a.fingerprint().size() == 7 + 43);
  CHECK_THAT(a.public_line(), Catch::StartsWith("ssh-ed25519 AAAA"));
  CHECK(a.public_line("me@here") == a.public_line() + " me@here");
}

TEST_CASE("key: saved as a private file with the public line beside it, and loaded again", "[key]") {
  const folder here;
  const auto made = key::generate();
  const auto path = here.path("id");
  const auto mask = ::umask(0);  // the mode must not come from the umask
  const auto saved = made.save(path, "a comment");
  ::umask(mask);
  REQUIRE(saved);
  CHECK(mode_of(path) == 0600);
  CHECK(mode_of(path + ".pub") == 0644);
  CHECK(here.read("id.pub") == made.public_line("a comment") + '\n');
  const auto loaded = key::load(path);
  REQUIRE(loaded);
  CHECK(loaded->fingerprint() == made.fingerprint());
  CHECK(loaded->public_line() == made.public_line());
}

TEST_CASE("key: never written over another file", "[key]") {
  const folder here;
  const std::string taken = GENERATE("id", "id.pub");
  here.write(taken, "mine");
  const auto saved = key::generate().save(here.path("id"));
  CHECK(saved.error().code() == errc::already_exists);
  CHECK_THAT(saved.error().context(), Contains(here.path(taken)));
  CHECK(here.read(taken) == "mine");
  CHECK(std::filesystem::exists(here.path("id")) == (taken == "id"));  // no half of a pair is left
}

TEST_CASE("key: a folder that is not there cannot be written to", "[key]") {
  const folder here;
  const auto saved = key::generate().save(here.path("none/id"));
  CHECK(saved.error().code() == errc::key_file);
  CHECK_THAT(saved.error().context(), Contains("No such file"));
}

TEST_CASE("key: its text form is read back", "[key]") {
  const auto made = key::generate();
  CHECK_THAT(made.text(), Catch::StartsWith("-----BEGIN OPENSSH PRIVATE KEY-----\n"));
  const auto parsed = key::parse(made.text());
  REQUIRE(parsed);
  CHECK(parsed->fingerprint() == made.fingerprint());
}

TEST_CASE("key: ssh-keygen agrees about fingerprint and public half", "[key]") {
  const folder here;
  const auto made = key::generate();
  REQUIRE(made.save(here.path("id"), "me"));
  CHECK(output_of("ssh-keygen -lf " + here.path("id.pub")) == "256 " + made.fingerprint() + " me (ED25519)\n");
  CHECK_THAT(output_of("ssh-keygen -yf " + here.path("id")), Catch::StartsWith(made.public_line()));
}

TEST_CASE("key: one made by ssh-keygen is loaded", "[key]") {
  const folder here;
  const std::string kind = GENERATE("ed25519", "ecdsa");
  output_of("ssh-keygen -q -t " + kind + " -N '' -C '' -f " + here.path("id"));
  const auto loaded = key::load(here.path("id"));
  REQUIRE(loaded);
  CHECK_THAT(output_of("ssh-keygen -lf " + here.path("id.pub")), Contains(loaded->fingerprint()));
  CHECK_THAT(here.read("id.pub"), Catch::StartsWith(loaded->public_line()));
}

TEST_CASE("key: an RSA key of ssh-keygen's signs, and the way out is told where libssh cannot write it", "[key]") {
  const folder here;
  output_of("ssh-keygen -q -t rsa -b 2048 -N '' -C '' -f " + here.path("id"));
  const auto loaded = key::load(here.path("id"));
  REQUIRE(loaded);
  CHECK(loaded->can_sign());
  CHECK_THROWS_WITH(loaded->text(), Contains("copy the file"));
  const auto saved = loaded->save(here.path("copy"));
  CHECK(saved.error().code() == errc::key_file);
  CHECK_THAT(saved.error().context(), Contains(here.path("copy")) && Contains("copy the file"));
  CHECK(!std::filesystem::exists(here.path("copy")));
}

TEST_CASE("key: a file that is open to others is refused with its mode and the way out", "[key]") {
  const folder here;
  const auto path = here.path("id");
  REQUIRE(key::generate().save(path));
  for (const auto& [mode, text] :
       {std::pair<mode_t, const char*>{0640, "0640"}, {0620, "0620"}, {0604, "0604"}, {0601, "0601"}, {0777, "0777"}}) {
    ::chmod(path.c_str(), mode);
    check_refused(key::load(path), path, text);
    check_refused(key::load(path), path, "chmod 600 " + path);
  }
  ::chmod(path.c_str(), 0400);
  CHECK(key::load(path));
}

TEST_CASE("key: a file that holds no private key is not to be closed to others, but another one", "[key]") {
  const folder here;
  REQUIRE(key::generate().save(here.path("id")));
  check_refused(key::load(here.path("id.pub")), here.path("id.pub"),
                "not a private key but a public one; the private one is in the file without .pub");
  here.write("words", "root:x:0:0");
  ::chmod(here.path("words").c_str(), 0644);
  const auto words = key::load(here.path("words"));
  REQUIRE_FALSE(words);
  CHECK_THAT(words.error().context(), !Contains("chmod"));
}

TEST_CASE("key: a missing file is refused with the way to make one", "[key]") {
  const folder here;
  check_refused(key::load(here.path("none")), here.path("none"), "No such file");
  check_refused(key::load(here.path("none")), here.path("none"), "duplex keygen -f " + here.path("none"));
}

TEST_CASE("key: a folder is no key file", "[key]") {
  const folder here;
  check_refused(key::load(here.path("")), here.path(""), "is not a file");
}

TEST_CASE("key: an unreadable file is refused", "[key]") {
  if (::geteuid() == 0) return;  // root reads everything
  const folder here;
  const auto path = here.path("id");
  REQUIRE(key::generate().save(path));
  ::chmod(path.c_str(), 0200);
  check_refused(key::load(path), path, "cannot be read");
}

TEST_CASE("key: garbage is refused", "[key]") {
  const folder here;
  const auto whole = key::generate().text();
  for (const std::string& text :
       strings{std::string{}, std::string{"\n"}, std::string{"garbage"}, std::string(100'000, '\xff'),
               std::string(10, '\0'), whole.substr(0, whole.size() / 2),
               std::string{"-----BEGIN OPENSSH PRIVATE KEY-----\n"},
               std::string{"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"},
               key::generate().public_line()}) {
    INFO(text.substr(0, 60));
    const auto path = here.write("id", text);
    ::chmod(path.c_str(), 0600);
    check_refused(key::load(path), path, "not a private key");
    CHECK(key::parse(text).error().code() == errc::key_file);
  }
}

TEST_CASE("key: an encrypted one is loaded with its passphrase only, and says so", "[key]") {
  const folder here;
  const auto path = here.path("id");
  const std::string form = GENERATE("", " -m PEM -t rsa");
  output_of("ssh-keygen -q -t ed25519 -N secret -a 1 -f " + path + form);
  const auto loaded = key::load(path, "secret");
  REQUIRE(loaded);
  CHECK(loaded->can_sign());
  CHECK_THAT(output_of("ssh-keygen -lf " + path + ".pub"), Contains(loaded->fingerprint()));
  CHECK(key::parse(here.read("id"), "secret")->fingerprint() == loaded->fingerprint());
  check_refused(key::load(path), path, "is encrypted; give its passphrase");
  check_refused(key::load(path), path, "ssh-add " + path);
  check_refused(key::load(path, "wrong"), path, "another passphrase");
  CHECK(key::parse(here.read("id")).error().code() == errc::key_file);
}

TEST_CASE("key: a passphrase is asked for three times at most, and never for a key without one", "[key]") {
  const folder here;
  const auto path = here.path("id");
  output_of("ssh-keygen -q -t ed25519 -N secret -a 1 -f " + path);
  int asked = 0, right = 3;
  const passphrase_source ask = [&](const std::string& file) -> std::optional<std::string> {
    CHECK(file == path);
    return ++asked == right ? "secret" : "wrong";
  };
  CHECK(key::from_option(path, ask));
  CHECK(asked == 3);
  asked = 0, right = 4;
  check_refused(key::from_option(path, ask), path, "another passphrase");
  CHECK(asked == 3);
  asked = 0;
  check_refused(key::from_option(path, [&](const std::string&) { return ++asked, std::nullopt; }), path,
                "is encrypted;");
  CHECK(asked == 1);
  check_refused(key::from_option(path), path, "is encrypted;");
  REQUIRE(key::generate().save(here.path("plain")));
  asked = 0;
  CHECK(key::from_option(here.path("plain"), ask));
  CHECK(asked == 0);
}

TEST_CASE("key: where an agent signs, the public half of an encrypted key or of a *.pub will do", "[key]") {
  const folder here;
  const std::string form = GENERATE("", " -m PEM -t rsa");
  output_of("ssh-keygen -q -t ed25519 -N secret -a 1 -f " + here.path("id") + form);
  for (const auto& path : {here.path("id"), here.path("id.pub")}) {
    const auto half = key::from_option(path, {}, true);
    REQUIRE(half);
    CHECK_FALSE(half->can_sign());
    CHECK_THAT(here.read("id.pub"), Catch::StartsWith(half->public_line()));
    CHECK_FALSE(key::from_option(path));
  }
  check_refused(key::load_public(here.path("none")), here.path("none"), "no public key");
}

TEST_CASE("key: the option takes a file or the key itself", "[key]") {
  const folder here;
  const auto made = key::generate();
  REQUIRE(made.save(here.path("id")));
  for (const auto& option : {here.path("id"), made.text()}) {
    const auto got = key::from_option(option);
    REQUIRE(got);
    CHECK(got->fingerprint() == made.fingerprint());
  }
  const auto broken = key::from_option("-----BEGIN OPENSSH PRIVATE KEY-----\nnothing");
  CHECK(broken.error().code() == errc::key_file);
  CHECK_THAT(broken.error().context(), Catch::StartsWith("option identity is not"));
}

TEST_CASE("key: without an option one is made in the configuration folder, once", "[key]") {
  const folder here;
  const auto home = here.path("deep/er");
  const variable set{"DUPLEX_HOME", home.c_str()};
  const auto first = key::from_option("");
  REQUIRE(first);
  CHECK(mode_of(home + "/id_ed25519") == 0600);
  const auto second = key::from_option("");
  REQUIRE(second);
  CHECK(second->fingerprint() == first->fingerprint());
  ::chmod((home + "/id_ed25519").c_str(), 0644);
  CHECK(key::from_option("").error().code() == errc::key_file);
}

TEST_CASE("key: the configuration folder follows the environment", "[key]") {
  const variable home{"HOME", "/home/me"};
  const variable config{"XDG_CONFIG_HOME", nullptr};
  const variable own{"DUPLEX_HOME", nullptr};
  CHECK(configuration_folder() == "/home/me/.config/duplex");
  const variable config_set{"XDG_CONFIG_HOME", "/cfg"};
  CHECK(configuration_folder() == "/cfg/duplex");
  const variable own_set{"DUPLEX_HOME", "/own"};
  CHECK(configuration_folder() == "/own");
  const variable own_empty{"DUPLEX_HOME", ""};
  CHECK(configuration_folder() == "/cfg/duplex");
}

TEST_CASE("key: one encrypted by a cipher that libssh cannot take is refused with the way out", "[key]") {
  const folder here;
  const auto path = here.path("id");
  const std::string cipher =
      GENERATE("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com");
  output_of("ssh-keygen -q -t ed25519 -a 1 -N secret -Z " + cipher + " -f " + path);
  check_refused(key::load(path, "secret"), path, "ssh-keygen -p -Z aes256-ctr -f " + path);
  check_refused(key::load(path), path, "ssh-keygen -p");
  CHECK(key::parse(here.read("id"), "secret").error().code() == errc::key_file);
  int asked = 0;
  check_refused(key::from_option(path, [&](const std::string&) { return ++asked, "secret"; }), path, "ssh-keygen -p");
  CHECK(asked == 0);
  const auto half = key::from_option(path, {}, true);  // an agent may read it
  REQUIRE(half);
  CHECK_FALSE(half->can_sign());
  output_of("ssh-keygen -q -p -Z aes256-ctr -P secret -N secret -a 1 -f " + path);
  CHECK(key::load(path, "secret"));
}

TEST_CASE("key: one that no peer could use is refused when it is loaded", "[key]") {
  const folder here;
  const auto path = here.path("id");
  SECTION("Ed25519 in a form of which libssh makes no public half") {
    output_of("openssl genpkey -algorithm ed25519 -out " + path);
    ::chmod(path.c_str(), 0600);
    check_refused(key::load(path), path, "duplex keygen");
  }
  SECTION("a short RSA key") {
    output_of("openssl genrsa -traditional -out " + path + " 768");
    ::chmod(path.c_str(), 0600);
    check_refused(key::load(path), path, "1024 bits");
    check_refused(key::from_option(path), path, "1024 bits");
    CHECK_THAT(key::parse(here.read("id")).error().context(), Contains("1024 bits"));
  }
  SECTION("the shortest RSA key is taken") {
    output_of("openssl genrsa -traditional -out " + path + " 1024");
    ::chmod(path.c_str(), 0600);
    CHECK(key::load(path));
  }
  SECTION("DSA") {
    output_of("ssh-keygen -q -t dsa -N '' -f " + path);
    check_refused(key::load(path), path, "type that is not taken");
  }
}

TEST_CASE("key: a comment of two lines is refused", "[key]") {
  const folder here;
  const auto saved = key::generate().save(here.path("id"), "a\nssh-ed25519 AAAA");
  CHECK(saved.error().code() == errc::invalid_argument);
  CHECK_THAT(saved.error().context(), Contains("'a?ssh-ed25519 AAAA'"));
  CHECK_FALSE(std::filesystem::exists(here.path("id")));
}

TEST_CASE("key: without HOME the configuration folder is where the system has the user at home", "[key]") {
  const variable home{"HOME", nullptr};
  const variable config{"XDG_CONFIG_HOME", nullptr};
  const variable own{"DUPLEX_HOME", nullptr};
  const auto folder_of_user = configuration_folder();
  CHECK_THAT(folder_of_user, Catch::EndsWith("/.config/duplex"));
  const auto home_of_user = folder_of_user.substr(0, folder_of_user.rfind("/.config"));
  CHECK_THAT(output_of("getent passwd $(id -u)"), Contains(":" + home_of_user + ":"));
}
