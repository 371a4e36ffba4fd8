// SPDX-License-Identifier: BSD-2-Clause
// file_copy [ENDPOINT]: a call that becomes a stream of bytes. A file is copied from a server, with a progress bar; the
// first attempt breaks off half-way, the second one goes on from there.
#include <duplex/rpc.hpp>

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>

namespace fs = std::filesystem;
namespace rpc = duplex::rpc;

namespace demo {
struct Files {
  rpc::fn<std::uint64_t(std::string)> size;
  rpc::fn<duplex::channel(std::string, std::uint64_t)> read;  // from an offset on
};
}  // namespace demo

// A name must not lead out of the folder.
fs::path inside(const fs::path& folder, const std::string& name) {
  if (name == ".." || fs::path{name}.filename() != name || !fs::is_regular_file(folder / name))
    throw rpc::failure{rpc::code::not_found, "no file '" + name + "'"};
  return folder / name;
}

// Writes wait while the caller does not read. What goes wrong here is in the trailers.
rpc::task<void> send(fs::path file, std::uint64_t offset, duplex::channel to) {
  std::ifstream from{file, std::ios::binary};
  from.seekg(static_cast<std::streamoff>(offset));
  std::string part(64 << 10, '\0');
  while (from.read(part.data(), static_cast<std::streamsize>(part.size())) || from.gcount() > 0) {
    const auto read = std::string_view{part}.substr(0, static_cast<std::size_t>(from.gcount()));
    if (!co_await to.async_write(read)) co_return;  // the caller has gone
  }
  if (!from.eof()) throw rpc::failure{rpc::code::data_loss, "cannot read the file"};
}

void draw(const std::string& what, std::uint64_t done, std::uint64_t size) {
  const auto tenths = static_cast<std::size_t>(size == 0 ? 10 : done * 10 / size);
  std::cout << (::isatty(1) != 0 ? "\r" : "") << what << " [" << std::string(tenths, '#')
            << std::string(10 - tenths, '.') << "] " << done << " of " << size << " bytes" << std::flush;
}

// Copies what is missing, and no more than `most` bytes. True when the file is complete.
bool copy(const demo::Files& files, const std::string& name, const fs::path& to, std::uint64_t most) {
  const auto size = files.size(name).get();
  std::uint64_t done = fs::exists(to) ? fs::file_size(to) : 0;
  std::ofstream into{to, std::ios::binary | std::ios::app};
  auto bytes = files.read(name, done).get();
  const auto what = done == 0 ? "copy  " : "resume";
  for (const auto end = done + std::min(size - done, most); done < end;) {
    const auto part = bytes.read(std::min<std::uint64_t>(end - done, 64 << 10));
    if (!part) break;
    into << part->view();
    done += part->size();
    if (::isatty(1) != 0) draw(what, done, size);
  }
  draw(what, done, size);
  std::cout << '\n';
  if (done < size) return false;  // letting go of the channel tells the other side
  const auto last = bytes.trailers();
  return last && !last->empty() && last->front() == "status=0";
}

int main(int argc, char** argv) try {
  const auto key = duplex::key::generate();  // one key for both; real peers keep theirs in files
  std::string folder = (fs::temp_directory_path() / "file_copy.XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) return std::cerr << "no temporary folder\n", 1;
  const auto original = fs::path{folder} / "original", copied = fs::path{folder} / "copied";
  std::ofstream{original, std::ios::binary} << std::string(8'000'000, 'x');

  duplex::runtime rt;
  rpc::peer hub = rt.spawn_peer({.name = "hub", .identity = key.text(), .authorized_keys = key.public_line()});
  const demo::Files server{
      .size = [folder](const std::string& name) { return std::uint64_t{fs::file_size(inside(folder, name))}; },
      .read = [folder](const std::string& name, std::uint64_t offset,
                       duplex::channel to) { return send(inside(folder, name), offset, to); },
  };
  const auto at = hub.bind(argc > 1 ? argv[1] : "tcp://127.0.0.1:0");
  rpc::peer me = rt.spawn_peer({.name = "me", .identity = key.text(), .host_key = key.fingerprint()});
  if (!hub.serve(server) || !at || !me.connect(at->str())) return std::cerr << "no connection\n", 1;

  const auto files = me.use<demo::Files>("hub");
  const bool complete = copy(files, "original", copied, 4'000'000) || copy(files, "original", copied, UINT64_MAX);
  std::cout << (complete && fs::file_size(copied) == 8'000'000 ? "complete" : "incomplete") << '\n';
  fs::remove_all(folder);
  return complete ? 0 : 1;
} catch (const std::exception& why) {
  return std::cerr << why.what() << '\n', 1;
}
