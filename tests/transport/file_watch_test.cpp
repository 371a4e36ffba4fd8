// SPDX-License-Identifier: BSD-2-Clause
#include "transport/file_watch.hpp"
#include "tests/transport/folder.hpp"

#include <sys/stat.h>

#include <chrono>
#include <memory>

using namespace duplex;
using namespace duplex::transport;
using transport_tests::folder;
namespace fs = std::filesystem;

namespace {

constexpr std::chrono::seconds patience{20};

// A watch on its own io_context, run by the test while it waits.
struct watching {
  explicit watching(const std::string& file)
      : watch(std::make_unique<file_watch>(io, file, [this] {
          ++calls;
          io.stop();
        })) {
    REQUIRE(watch->start());
  }
  // Waits for a call; false when none came within all patience.
  bool called() {
    io.restart();
    const auto before = calls;
    io.run_for(patience);
    return calls > before;
  }

  boost::asio::io_context io;
  std::unique_ptr<file_watch> watch;
  int calls = 0;
};

// What is renamed over another file, as editors and `duplex allow` do.
void replace(const folder& in, const std::string& name, const std::string& text) {
  in.write(name + ".new", text);
  fs::rename(in.path(name + ".new"), in.path(name));
}

}  // namespace

TEST_CASE("file_watch: a file that is written to is noticed", "[file_watch]") {
  const folder in;
  watching w{in.write("list", "a")};
  in.write("list", "b");
  CHECK(w.called());
}

TEST_CASE("file_watch: a file that another one is renamed over is noticed, again and again", "[file_watch]") {
  const folder in;
  watching w{in.write("list", "a")};
  for (const auto* text : {"b", "c", "d"}) {
    replace(in, "list", text);
    CHECK(w.called());
  }
  in.write("list", "e");  // the new file itself is watched
  CHECK(w.called());
}

TEST_CASE("file_watch: a file's removal and its return are noticed", "[file_watch]") {
  const folder in;
  watching w{in.write("list", "a")};
  for (int i = 0; i < 2; ++i) {
    fs::remove(in.path("list"));
    CHECK(w.called());
    in.write("list", "b");
    CHECK(w.called());
  }
}

TEST_CASE("file_watch: a file that is moved away is noticed", "[file_watch]") {
  const folder in;
  watching w{in.write("list", "a")};
  fs::rename(in.path("list"), in.path("other"));
  CHECK(w.called());
}

TEST_CASE("file_watch: a change of permissions is noticed", "[file_watch]") {
  const folder in;
  watching w{in.write("list", "a")};
  ::chmod(in.path("list").c_str(), 0);
  CHECK(w.called());
}

TEST_CASE("file_watch: folders on the way may be made later, one by one", "[file_watch]") {
  const folder in;
  watching w{in.path("a/b/list")};
  fs::create_directory(in.path("a"));
  CHECK(w.called());
  fs::create_directory(in.path("a/b"));
  CHECK(w.called());
  in.write("a/b/list", "a");
  CHECK(w.called());
}

TEST_CASE("file_watch: folders and file that are made at once are noticed", "[file_watch]") {
  const folder in;
  watching w{in.path("a/b/c/list")};
  fs::create_directories(in.path("a/b/c"));
  in.write("a/b/c/list", "a");
  CHECK(w.called());
  in.write("a/b/c/list", "b");  // by then the watch has found its way
  CHECK(w.called());
}

TEST_CASE("file_watch: a folder that is removed with the file, and returns, is noticed", "[file_watch]") {
  const folder in;
  fs::create_directories(in.path("a/b"));
  watching w{in.write("a/b/list", "a")};
  fs::remove_all(in.path("a"));
  CHECK(w.called());
  fs::create_directories(in.path("a/b"));
  in.write("a/b/list", "b");
  CHECK(w.called());
}

TEST_CASE("file_watch: a folder on the way that another one replaces is noticed", "[file_watch]") {
  const folder in;
  fs::create_directories(in.path("a/b"));
  fs::create_directories(in.path("new/b"));
  in.write("new/b/list", "b");
  watching w{in.write("a/b/list", "a")};
  fs::rename(in.path("a"), in.path("old"));
  fs::rename(in.path("new"), in.path("a"));
  CHECK(w.called());
  in.write("a/b/list", "c");
  CHECK(w.called());
}

TEST_CASE("file_watch: what a symbolic link points at is watched", "[file_watch]") {
  const folder in;
  fs::create_directory(in.path("there"));
  in.write("there/real", "a");
  fs::create_symlink(in.path("there/real"), in.path("list"));
  watching w{in.path("list")};
  in.write("there/real", "b");
  CHECK(w.called());
  replace(in, "there/real", "c");
  CHECK(w.called());
  in.write("there/real", "d");
  CHECK(w.called());
}

TEST_CASE("file_watch: a symbolic link's file that returns is noticed", "[file_watch]") {
  const folder in;
  fs::create_directory(in.path("there"));
  in.write("there/real", "a");
  fs::create_symlink("there/real", in.path("list"));
  watching w{in.path("list")};
  fs::remove(in.path("there/real"));
  CHECK(w.called());
  in.write("there/real", "b");
  CHECK(w.called());
}

TEST_CASE("file_watch: a symbolic link that points elsewhere is noticed", "[file_watch]") {
  const folder in;
  in.write("one", "a");
  in.write("two", "b");
  fs::create_symlink("one", in.path("list"));
  watching w{in.path("list")};
  fs::create_symlink("two", in.path("list.new"));
  fs::rename(in.path("list.new"), in.path("list"));
  CHECK(w.called());
  in.write("two", "c");
  CHECK(w.called());
}

TEST_CASE("file_watch: a link to a folder on the way that points elsewhere is noticed", "[file_watch]") {
  const folder in;
  fs::create_directories(in.path("releases/1"));
  fs::create_directories(in.path("releases/2"));
  in.write("releases/1/list", "a");
  in.write("releases/2/list", "b");
  fs::create_symlink("releases/1", in.path("current"));
  watching w{in.path("current/list")};
  fs::create_symlink("releases/2", in.path("current.new"));
  fs::rename(in.path("current.new"), in.path("current"));
  CHECK(w.called());
  in.write("releases/2/list", "c");
  CHECK(w.called());
}

TEST_CASE("file_watch: links in a circle are borne", "[file_watch]") {
  const folder in;
  fs::create_symlink("b", in.path("a"));
  fs::create_symlink("a", in.path("b"));
  watching w{in.path("a")};
  fs::remove(in.path("a"));
  CHECK(w.called());
}

TEST_CASE("file_watch: many writes in a row are few calls", "[file_watch]") {
  const folder in;
  watching w{in.write("list", "a")};
  for (int i = 0; i < 200; ++i) replace(in, "list", std::to_string(i));
  CHECK(w.called());
  CHECK(w.calls == 1);
}

TEST_CASE("file_watch: nothing is called once the watch is gone", "[file_watch]") {
  const folder in;
  watching w{in.write("list", "a")};
  in.write("list", "b");
  w.io.run_one_for(patience);  // the change is seen; its call waits for a quiet moment
  w.watch.reset();
  w.io.restart();
  w.io.run_for(patience);  // returns as nothing is left to wait for
  CHECK(w.calls == 0);
}
