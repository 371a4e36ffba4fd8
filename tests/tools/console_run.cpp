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

// Each command comes with a NUL at its end. What it prints is followed on both streams by a line with its number; in
// one write, which the shell's own printf does not do, so that nothing from the background gets in between.
constexpr const char* shell = R"(exec 9<&0 </dev/null
unset $(env | sed -n 's/^\([A-Za-z_]*_[Pp][Rr][Oo][Xx][Yy]\)=.*/\1/p')
cd "$HOME"
number=0
while IFS= read -r -d '' command <&9; do
  eval "$command" 9<&-
  number=$((number + 1))
  env printf '\n\001 %d\n' $number
  env printf '\n\001 %d\n' $number >&2
done)";

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
      if (std::stoul(name) >= 49'152) continue;  // the number that Duplex gives out: nobody listens there
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

std::string joined(const std::vector<std::string>& lines, const char* prefix) {
  std::string text;
  for (const auto& line : lines) text += prefix + line + '\n';
  return text;
}

/// The shell that a page's commands are typed into.
class terminal {
 public:
  terminal(const environment& variables, const stand_ins& with)
      : with_(with), bash_({"bash", "--norc", "-c", shell}, variables) {}

  /// What is wrong with that step. A command in the background is waited for until it has shown what it should.
  std::string run(const step& now) {
    const auto answered = "\x01 " + std::to_string(++number_);
    const auto out_from = bash_.out().size(), err_from = bash_.err().size();
    const auto shown = lines_of(joined(now.shown, ""));
    std::vector<std::string> out, err;
    const auto look = [&] {
      out = lines_of(without(answered, bash_.out().substr(out_from)));
      err = lines_of(without(answered, bash_.err().substr(err_from)));
      return matches(shown, out, err);
    };
    std::string why;
    try {
      bash_.write(with_.apply(now.command) + '\0');
      (void)bash_.line(answered);
      bash_.wait_for_error(answered + '\n');
      while (!look() && now.command.ends_with('&')) bash_.wait_for_output(bash_.out().size() + 1);
    } catch (const std::runtime_error& failed) {
      why = failed.what();
    }
    if (look() && why.empty()) return {};
    return "line " + std::to_string(now.line) + ": " + now.command + "\nthe page shows\n" + joined(shown, "  | ") +
           "it printed\n" + joined(out, "  | ") + "and on stderr\n" + joined(err, "  | ") + why;
  }

 private:
  [[nodiscard]] std::string without(const std::string& answered, std::string text) const {
    const auto mark = '\n' + answered + '\n';
    if (const auto at = text.find(mark); at != text.npos) text.erase(at, mark.size());
    return with_.undo(std::move(text));
  }

  const stand_ins& with_;
  program bash_;
  std::size_t number_ = 0;
};

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
  terminal types{variables, with};
  std::string wrong = page.steps.empty() ? "no command stands there" : "";
  for (const auto& now : page.steps)
    if (wrong.empty()) wrong = types.run(now);
  return wrong;
}

}  // namespace tools_tests
