// SPDX-License-Identifier: BSD-2-Clause
#include "tests/tools/console_page.hpp"
#include "tests/tools/site.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <random>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>

namespace tools_tests {
namespace {

// Each command comes with a NUL at its end, and is answered by its output and this line: in one write, which the
// shell's own printf does not do, so that nothing from the background gets in between.
constexpr const char* answered = "\x01 answered";
constexpr const char* shell = R"(exec 9<&0 </dev/null 2>&1
unset $(env | sed -n 's/^\([A-Za-z_]*_[Pp][Rr][Oo][Xx][Yy]\)=.*/\1/p')
cd "$HOME"
while IFS= read -r -d '' command <&9; do eval "$command" 9<&-; env printf '\n\001 answered\n'; done)";

// ssh takes the home of the passwd file for its own, whatever $HOME says, and would ask the agent of whoever runs the
// tests. So the name `ssh` is this instead, which a page's reader does not need.
constexpr const char* ssh = R"(#!/bin/sh
sed "s|~/|$HOME/|g" "$HOME/.ssh/config" >"$HOME/.ssh/config.run"
exec /usr/bin/ssh -F "$HOME/.ssh/config.run" -o UserKnownHostsFile="$HOME/.ssh/known_hosts" \
  -o GlobalKnownHostsFile=none -o IdentityAgent=none "$@"
)";

void write(const std::filesystem::path& file, std::string_view text) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream{file} << text;
}

/// Ssh -f and the like leave the shell that started them: while this lives, orphans become this process's children,
/// and then they are killed.
class orphanage {
 public:
  orphanage() { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }
  orphanage(const orphanage&) = delete;
  orphanage& operator=(const orphanage&) = delete;
  ~orphanage() {
    do {  // the children of one that is killed come next
      std::ifstream children{"/proc/self/task/" + std::to_string(::getpid()) + "/children"};
      for (pid_t id = 0; children >> id;) ::kill(id, SIGKILL);
    } while (::waitpid(-1, nullptr, 0) > 0);
    ::prctl(PR_SET_CHILD_SUBREAPER, 0);
  }
};

/// Gives the page's ports and folders their stand-ins.
class stand_ins {
 public:
  stand_ins(const std::string& text, const site& here) {
    static const std::regex port{"(?::|-D |-p |Port )([1-9][0-9]{3,4})\\b"};
    std::set<std::string> ports;
    for (std::sregex_iterator at{text.begin(), text.end(), port}, end; at != end; ++at) ports.insert(at->str(1));
    std::random_device random;
    std::set<unsigned> taken;
    for (const auto& name : ports) {
      if (name >= "49152") continue;  // the number that Duplex gives out: nobody listens there
      unsigned free = 0;
      do free = 16'384 + random() % 16'384;  // below those that Linux gives out by itself
      while (!can_listen(static_cast<std::uint16_t>(free)) || !taken.insert(free).second);
      const auto stands = std::to_string(free);
      both_.push_back({std::regex{"\\b" + name + "\\b"}, stands, std::regex{"\\b" + stands + "\\b"}, name});
    }
    for (const std::string name : {"/home/ann", "/tmp/duplex-try"}) {
      const auto stands = here.path(name.substr(name.rfind('/') + 1));
      both_.push_back({std::regex{name}, stands, std::regex{stands}, name});
    }
  }
  [[nodiscard]] std::string apply(std::string text) const {
    for (const auto& one : both_) text = std::regex_replace(text, one.name, one.stands);
    return text;
  }
  [[nodiscard]] std::string undo(std::string text) const {
    for (const auto& one : both_) text = std::regex_replace(text, one.stands_found, one.name_text);
    return text;
  }

 private:
  struct pair {
    std::regex name;
    std::string stands;
    std::regex stands_found;
    std::string name_text;
  };
  std::vector<pair> both_;
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);) lines.push_back(without_the_varying(line));
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += "  | " + line + '\n';
  return text;
}

/// What was printed since `from`. A command in the background is waited for until it has shown what it should.
std::string run(program& bash, const step& now, const stand_ins& with, std::size_t from) {
  std::vector<std::string> shown, got;
  for (const auto& line : now.shown) shown.push_back(without_the_varying(line));
  while (!shown.empty() && shown.back().empty()) shown.pop_back();
  std::string why;
  const auto look = [&] {
    auto text = bash.out().substr(from);
    if (const auto at = text.find(std::string{"\n"} + answered + '\n'); at != text.npos)
      text.erase(at, std::char_traits<char>::length(answered) + 2);
    got = lines_of(with.undo(text));
    return matches(shown, got);
  };
  try {
    bash.write(with.apply(now.command) + '\0');
    (void)bash.line(answered);
    while (!look() && now.command.ends_with('&')) bash.wait_for_output(bash.out().size() + 1);
  } catch (const std::runtime_error& failed) {
    why = failed.what();
  }
  if (look() && why.empty()) return {};
  return "line " + std::to_string(now.line) + ": " + now.command + "\nthe page shows\n" + joined(shown) +
         "it printed\n" + joined(got) + why;
}

}  // namespace

std::string run_page(const std::string& text) {
  const site here;
  const stand_ins with{text, here};
  const auto page = console_page::parse(text);
  write(here.path("ann/.ssh/config"), with.apply(page.ssh_config));
  write(here.path("bin/ssh"), ssh);
  std::filesystem::permissions(here.path("bin/ssh"), std::filesystem::perms::owner_all);
  const auto* path = std::getenv("PATH");
  const environment variables{{"HOME", here.path("ann")},
                              {"DUPLEX_HOME", here.path("ann/.config/duplex")},
                              {"PATH", here.path("bin") + ":" DUPLEX_BIN_DIR ":" + (path != nullptr ? path : "")},
                              {"LC_ALL", "C"},
                              {"SSH_AUTH_SOCK", ""}};
  const orphanage all;
  program bash{{"bash", "--norc", "-c", shell}, variables};
  std::string wrong;
  for (const auto& now : page.steps)
    if (wrong.empty()) wrong = run(bash, now, with, bash.out().size());
  return wrong;
}

}  // namespace tools_tests
