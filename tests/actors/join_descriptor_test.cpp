// SPDX-License-Identifier: BSD-2-Clause
#include "actors/descriptor_relay.hpp"
#include "tests/actors/support.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/use_future.hpp>
#include <caf/all.hpp>

#include <array>
#include <cstdio>

using namespace duplex;
using namespace duplex::test;

namespace {

// A descriptor of the test's own.
class owned {
 public:
  explicit owned(int fd = -1) : fd_(fd) {}
  owned(owned&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  owned& operator=(owned&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~owned() { close(); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  operator int() const { return fd_; }

 private:
  int fd_;
};

struct two {
  owned one, other;
};
two sockets() {
  std::array<int, 2> fd{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd.data()) == 0);
  return {owned{fd[0]}, owned{fd[1]}};
}
two pipes() {  // read, write
  std::array<int, 2> fd{};
  REQUIRE(::pipe2(fd.data(), O_CLOEXEC) == 0);
  return {owned{fd[0]}, owned{fd[1]}};
}
owned file_with(std::string_view text) {
  std::FILE* file = std::tmpfile();
  REQUIRE(file != nullptr);
  owned fd{::dup(::fileno(file))};
  std::fclose(file);
  REQUIRE(::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  REQUIRE(::lseek(fd, 0, SEEK_SET) == 0);
  return fd;
}

bool wait_for(int fd, short events) {
  pollfd one{fd, events, 0};
  return ::poll(&one, 1, static_cast<int>(std::chrono::milliseconds{patience}.count())) == 1;
}
// Until `size` bytes came, or the end.
std::string receive(int fd, std::size_t size = SIZE_MAX) {
  std::string all;
  std::vector<char> chunk(1 << 16);
  while (all.size() < size && wait_for(fd, POLLIN)) {
    const auto n = ::read(fd, chunk.data(), std::min(chunk.size(), size - all.size()));
    if (n <= 0) break;
    all.append(chunk.data(), static_cast<std::size_t>(n));
  }
  return all;
}
bool send(int fd, std::string_view data) {
  while (!data.empty()) {
    const auto n = ::write(fd, data.data(), data.size());
    if (n <= 0) return false;
    data.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

options small_windows() {
  options small;
  small.receive_window = 64 << 10;
  small.send_high_water = small.send_low_water = 64 << 10;
  return small;
}

// The library's end of a channel, which is joined, and the remote user's.
struct joined_channel {
  explicit joined_channel(options settings = {}) : p(settings) { std::tie(user, joined) = p.open(); }

  void join(int in, int out) { outcome_ = joined.async_join(in, out, asio::use_future); }
  void join(int fd) { outcome_ = joined.async_join(fd, asio::use_future); }
  result<void> outcome() {
    if (outcome_.wait_for(patience) != std::future_status::ready) return {errc::timed_out, "the join goes on"};
    return outcome_.get();
  }
  bool goes_on() { return outcome_.wait_for(0s) != std::future_status::ready; }
  std::string status() {
    const auto last = user.trailers();
    return last ? std::string{find_value(*last, "status").value_or("none")} : last.error().message();
  }
  std::string reason() {
    const auto last = user.trailers();
    return last ? std::string{find_value(*last, "reason").value_or("none")} : last.error().message();
  }

  pair p;
  channel user, joined;

 private:
  std::future<result<void>> outcome_;
};

const auto io = std::to_string(static_cast<int>(errc::io));

void send_and_end(channel& by, const std::string& text) {
  for (std::size_t at = 0; at < text.size(); at += 100'000)
    if (!by.write(std::string_view{text}.substr(at, 100'000))) return;
  (void)by.close_write();
}

}  // namespace

TEST_CASE("join: a channel that is joined with a descriptor has no children, and they do not keep it", "[join]") {
  pair p;
  auto [near, far] = p.open();
  auto s = sockets();
  auto joined = far.async_join(int{s.one}, asio::use_future);
  auto child = near.open("child");
  REQUIRE(child);
  REQUIRE(child->trailers());
  CHECK(child->meta()->status() == static_cast<std::uint32_t>(errc::unsupported));
  auto unread = near.open("unread");
  REQUIRE(near.close());
  s.one.close();
  char byte = 0;
  CHECK(::read(s.other, &byte, 1) == 0);
  s.other.close();
  REQUIRE(joined.wait_for(patience) == std::future_status::ready);
  CHECK(joined.get());
}

TEST_CASE("join descriptor: a socket's bytes and half-close pass both ways", "[join]") {
  joined_channel t;
  auto [near, far] = sockets();
  t.join(near);
  near.close();
  REQUIRE(send(far, "question"));
  CHECK(t.user.read()->view() == "question");
  REQUIRE(t.user.write("answer"));
  REQUIRE(t.user.close_write());
  CHECK(receive(far) == "answer");
  CHECK(t.goes_on());
  REQUIRE(send(far, "more"));
  CHECK(t.user.read()->view() == "more");
  ::shutdown(far, SHUT_WR);
  CHECK(t.user.read().error().code() == errc::end_of_stream);
  CHECK(t.outcome().error() == error{});
  CHECK(t.user.trailers().error().code() == errc::closed);
}

TEST_CASE("join descriptor: the half-close of a socket leaves the other way open", "[join]") {
  joined_channel t;
  auto [near, far] = sockets();
  t.join(near);
  ::shutdown(far, SHUT_WR);
  CHECK(t.user.read().error().code() == errc::end_of_stream);
  REQUIRE(t.user.write("late"));
  CHECK(receive(far, 4) == "late");
  REQUIRE(t.user.close_write());
  CHECK(receive(far).empty());
  CHECK(t.outcome().error() == error{});
}

TEST_CASE("join descriptor: twenty megabytes each way arrive whole, through small windows", "[join]") {
  joined_channel t{small_windows()};
  const bool piped = GENERATE(false, true);
  auto [in, to_in] = piped ? pipes() : sockets();
  auto [from_out, out] = piped ? pipes() : two{owned{::dup(to_in)}, owned{::dup(in)}};
  t.join(in, out);
  in.close();
  out.close();
  constexpr std::size_t size = 20 << 20;
  const auto up = pattern(size), down = pattern(size, 7);
  std::string came_up, came_down;
  std::thread writer{[&] { send_and_end(t.user, up); }}, reader{[&] { came_up = receive(from_out); }};
  std::thread other{[&, fd = int{to_in}] {
    (void)send(fd, down);
    ::shutdown(fd, SHUT_WR);
    to_in.close();
  }};
  came_down = read_all(t.user);
  for (auto* each : {&writer, &reader, &other}) each->join();
  CHECK((came_up == up));
  CHECK((came_down == down));
  CHECK(t.outcome().error() == error{});
}

TEST_CASE("join descriptor: what was read ahead goes first", "[join]") {
  joined_channel t;
  auto [near, far] = sockets();
  for (const auto* text : {"one", "two"}) REQUIRE(t.user.write_frame(text));
  REQUIRE(t.user.flush());
  CHECK(t.joined.read_frame()->view() == "one");  // the port may hold the other one
  t.join(near);
  REQUIRE(t.user.write("three"));
  REQUIRE(t.user.close_write());
  CHECK(receive(far, 12) == std::string_view{"\0\0\0\3twothree", 12});
}

TEST_CASE("join descriptor: a file is sent from where it stands, another takes what arrives", "[join]") {
  joined_channel t;
  const auto text = pattern(3 << 20);
  const auto in = file_with("header" + text), out = file_with("");
  REQUIRE(::lseek(in, 6, SEEK_SET) == 6);
  t.join(in, out);
  std::thread writer{[&] { send_and_end(t.user, text); }};
  CHECK((read_all(t.user) == text));
  writer.join();
  CHECK(t.outcome().error() == error{});
  REQUIRE(::lseek(out, 0, SEEK_SET) == 0);
  CHECK((receive(out, text.size()) == text));
}

TEST_CASE("join descriptor: a terminal is read and written, and keeps its flags", "[join]") {
  joined_channel t;
  int master_fd = -1, slave_fd = -1;
  REQUIRE(::openpty(&master_fd, &slave_fd, nullptr, nullptr, nullptr) == 0);
  owned master{master_fd}, slave{slave_fd};
  t.join(slave);
  REQUIRE(send(master, "typed\n"));
  CHECK(t.user.read()->view() == "typed\n");
  REQUIRE(t.user.write("shown\n"));
  const std::string all = "typed\r\nshown\r\n";  // the echo first
  CHECK(receive(master, all.size()) == all);
  CHECK((::fcntl(slave, F_GETFL) & O_NONBLOCK) == 0);
  REQUIRE(send(master, "\4"));  // Ctrl-D
  CHECK(t.user.read().error().code() == errc::end_of_stream);
  REQUIRE(t.user.close_write());
  CHECK(t.outcome().error() == error{});
}

TEST_CASE("join descriptor: a terminal's own side is refused unless it cannot block, and its end is an end", "[join]") {
  joined_channel t;
  int master_fd = -1, slave_fd = -1;
  REQUIRE(::openpty(&master_fd, &slave_fd, nullptr, nullptr, nullptr) == 0);
  owned master{master_fd}, slave{slave_fd};
  const auto refused = t.joined.join(master);
  CHECK(refused.error().code() == errc::unsupported);
  CHECK(refused.error().message().find("O_NONBLOCK") != std::string::npos);
  ::fcntl(master, F_SETFL, O_NONBLOCK);
  t.join(master);
  REQUIRE(send(slave, "shown\n"));
  CHECK(t.user.read()->view() == "shown\r\n");
  slave.close();
  CHECK(t.user.read().error().code() == errc::end_of_stream);
}

TEST_CASE("join descriptor: no flag of a shared pipe or socket changes", "[join]") {
  joined_channel t;
  auto [in, to_in] = pipes();
  auto [near, far] = sockets();
  t.join(in, near);
  REQUIRE(send(to_in, "x"));
  CHECK(t.user.read()->view() == "x");
  CHECK((::fcntl(in, F_GETFL) & O_NONBLOCK) == 0);
  CHECK((::fcntl(near, F_GETFL) & O_NONBLOCK) == 0);
}

TEST_CASE("join descriptor: a full device ends the channel with the reason, though nothing is to be read", "[join]") {
  joined_channel t;
  auto [in, to_in] = pipes();
  const owned full{::open("/dev/full", O_WRONLY | O_CLOEXEC)};
  t.join(in, full);
  REQUIRE(t.user.write("x"));
  CHECK(t.status() == io);
  CHECK(t.reason() == "join: writing to the file: No space left on device");
  CHECK(t.outcome().error().code() == errc::io);
}

TEST_CASE("join descriptor: a pipe whose reader goes ends the channel, without a signal", "[join]") {
  joined_channel t;
  struct sigaction before {};
  struct sigaction fatal {};
  fatal.sa_handler = SIG_DFL;
  ::sigaction(SIGPIPE, &fatal, &before);
  auto [in, to_in] = pipes();
  auto [from_out, out] = pipes();
  t.join(in, out);
  REQUIRE(t.user.write("x"));
  CHECK(receive(from_out, 1) == "x");
  from_out.close();
  REQUIRE(t.user.write("y"));
  CHECK(t.reason() == "join: writing to the pipe: Broken pipe");
  CHECK(t.outcome().error().code() == errc::io);
  ::sigaction(SIGPIPE, &before, nullptr);
}

TEST_CASE("join descriptor: a socket that closes in the middle still gives its last words, then the reason", "[join]") {
  joined_channel t;
  auto [near, far] = sockets();
  t.join(near);
  near.close();
  REQUIRE(t.user.write("a long request"));
  CHECK(receive(far, 6) == "a long");
  REQUIRE(send(far, "refused"));
  ::shutdown(far, SHUT_RD);
  while (t.user.write(std::string(1000, 'x')) && t.goes_on()) std::this_thread::yield();
  CHECK(read_all(t.user) == "refused");
  CHECK(t.status() == io);
  CHECK(t.outcome().error().code() == errc::io);
}

TEST_CASE("join descriptor: a reset connection ends the channel with the reason", "[join]") {
  joined_channel t;
  asio::io_context here;
  asio::ip::tcp::acceptor acceptor{here, {asio::ip::address_v4::loopback(), 0}};
  asio::ip::tcp::socket client{here};
  client.connect(acceptor.local_endpoint());
  auto server = acceptor.accept();
  t.join(server.native_handle());
  REQUIRE(t.user.write("x"));
  client.wait(client.wait_read);
  client.set_option(asio::socket_base::linger{true, 0});
  client.close();
  CHECK(t.status() == io);
  CHECK(t.reason() == "join: reading from the socket: Connection reset by peer");
  CHECK(t.outcome().error().code() == errc::io);
}

TEST_CASE("join descriptor: one that is not read stops the channel's writer", "[join]") {
  joined_channel t{small_windows()};
  const bool piped = GENERATE(false, true);
  auto [in, to_in] = pipes();
  auto [from_out, out] = piped ? pipes() : sockets();
  t.join(in, out);
  const std::string chunk(64 << 10, 'x');
  std::size_t written = 0;
  std::future<result<void>> last;
  do {
    last = t.user.async_write(chunk, asio::use_future);
    written += chunk.size();
  } while (written < (64U << 20) && last.wait_for(500ms) == std::future_status::ready);
  CHECK(written < (16U << 20));
  CHECK(receive(from_out, written).size() == written);
  REQUIRE(last.wait_for(patience) == std::future_status::ready);
  CHECK(last.get());
}

TEST_CASE("join descriptor: a channel that is not read stops the descriptor's writer", "[join]") {
  joined_channel t{small_windows()};
  auto [near, far] = sockets();
  t.join(near);
  ::fcntl(far, F_SETFL, O_NONBLOCK);
  const std::string chunk(64 << 10, 'x');
  std::size_t written = 0;
  pollfd room{far, POLLOUT, 0};
  while (written < (64U << 20) && ::poll(&room, 1, 500) == 1)
    if (const auto n = ::write(far, chunk.data(), chunk.size()); n > 0) written += static_cast<std::size_t>(n);
  CHECK(written < (16U << 20));
  ::shutdown(far, SHUT_WR);
  CHECK(read_all(t.user).size() == written);
}

TEST_CASE("join descriptor: a closed channel's last bytes wait for a slow reader", "[join]") {
  joined_channel t;
  auto [near, far] = sockets();
  t.join(near);
  near.close();
  const auto text = pattern(1 << 20);
  REQUIRE(t.user.write(text));
  REQUIRE(t.user.close());
  CHECK(t.joined.trailers().error().code() == errc::closed);  // it has ended here, too
  CHECK(t.goes_on());
  CHECK((receive(far) == text));
  CHECK(t.outcome().error() == error{});
}

TEST_CASE("join descriptor: a reader that sleeps does not keep the runtime from ending", "[join]") {
  joined_channel t;
  auto [near, far] = sockets();
  t.join(near);
  REQUIRE(t.user.write(pattern(1 << 20)));
  REQUIRE(t.user.close());
  CHECK(t.joined.trailers().error().code() == errc::closed);
  const auto report = t.p.rt.shutdown(5s);
  CHECK(report.clean);
  CHECK(t.outcome().error().code() == errc::io);
}

TEST_CASE("join descriptor: a session that is lost ends the descriptor's side with the reason", "[join]") {
  joined_channel t;
  auto [near, far] = sockets();
  t.join(near);
  REQUIRE(t.user.write("x"));
  CHECK(receive(far, 1) == "x");
  REQUIRE(t.p.hub.drop("me", "enough"));
  CHECK(receive(far).empty());
  CHECK(t.outcome().error().code() == errc::connection_lost);
}

TEST_CASE("join descriptor: trailers and error frames do not get in the way", "[join]") {
  joined_channel t;
  auto [near, far] = sockets();
  t.join(near);
  near.close();
  for (int i = 0; i < 64; ++i) REQUIRE(t.user.write_error(std::string(60'000, 'e')));  // more than a window
  REQUIRE(t.user.write("data"));
  REQUIRE(t.user.write_trailers({"status=3"}));
  REQUIRE(t.user.close());
  CHECK(receive(far) == "data");
  CHECK(t.outcome().error() == error{});
  CHECK(*t.joined.trailers() == std::vector<std::string>{"status=3"});
}

TEST_CASE("join descriptor: sockets and descriptors of Asio are moved in", "[join]") {
  joined_channel t;
  asio::io_context here;
  asio::ip::tcp::acceptor acceptor{here, {asio::ip::address_v4::loopback(), 0}};
  asio::ip::tcp::socket client{here};
  client.connect(acceptor.local_endpoint());
  auto outcome = t.joined.async_join(acceptor.accept(), asio::use_future);
  REQUIRE(t.user.write("over tcp"));
  std::string got(8, ' ');
  asio::read(client, asio::buffer(got));
  CHECK(got == "over tcp");
  client.close();
  CHECK(t.user.read().error().code() == errc::end_of_stream);
  REQUIRE(t.user.close());
  REQUIRE(outcome.wait_for(patience) == std::future_status::ready);
  CHECK(outcome.get());

  auto [user, joined] = t.p.open();
  asio::local::stream_protocol::socket one{here}, other{here};
  asio::local::connect_pair(one, other);
  std::thread blocking{[ch = joined, s = std::move(one)]() mutable { (void)ch.join(std::move(s)); }};
  asio::write(other, asio::buffer("local", 5));
  other.shutdown(asio::socket_base::shutdown_send);
  CHECK(read_all(user) == "local");
  REQUIRE(user.close());
  blocking.join();

  auto [reader, from_file] = t.p.open();
  auto [near, far] = sockets();
  asio::posix::stream_descriptor described{here, ::dup(near)};
  auto ended = from_file.async_join(std::move(described), asio::use_future);
  REQUIRE(send(far, "described"));
  CHECK(reader.read()->view() == "described");
  REQUIRE(reader.close());
  CHECK(ended.wait_for(patience) == std::future_status::ready);
}

TEST_CASE("join descriptor: a coroutine awaits its end", "[join]") {
  joined_channel t;
  asio::io_context here;
  asio::local::stream_protocol::socket one{here}, other{here};
  asio::local::connect_pair(one, other);
  seen<error> ended;
  asio::co_spawn(
      here,
      [](channel ch, asio::local::stream_protocol::socket with, seen<error>* into) -> asio::awaitable<void> {
        const auto outcome = co_await ch.async_join(std::move(with));
        into->add(outcome.error());
      }(t.joined, std::move(one), &ended),
      asio::detached);
  std::thread runs{[&] { here.run(); }};
  REQUIRE(t.user.write("x"));
  std::string got(1, ' ');
  asio::read(other, asio::buffer(got));
  CHECK(got == "x");
  REQUIRE(t.user.close());
  CHECK(ended.wait_for(1).at(0) == error{});
  runs.join();
}

TEST_CASE("join descriptor: a channel actor is joined by a message, answered at the end", "[join]") {
  joined_channel t;
  auto [near, far] = sockets();
  caf::scoped_actor self{t.p.rt.system(), true};
  const auto with = descriptor::of(near);
  REQUIRE(with);
  auto answer = self->request(t.joined.release(), patience, join_atom_v, *with);
  near.close();
  REQUIRE(send(far, "by message"));
  CHECK(t.user.read()->view() == "by message");
  REQUIRE(t.user.close());
  bool joined = false;
  answer.receive([&] { joined = true; }, [](const caf::error& why) { FAIL(from_caf(why).message()); });
  CHECK(joined);
}

TEST_CASE("join descriptor: what is no stream is refused by number, and the channel stays as it was", "[join]") {
  joined_channel t;
  auto [in, out] = pipes();
  const auto path = "/tmp/duplex-join-" + std::to_string(::getpid());
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  owned reader{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  const owned to_nobody{::open(path.c_str(), O_WRONLY | O_CLOEXEC)};
  reader.close();
  ::unlink(path.c_str());
  const owned folder{::open("/", O_RDONLY | O_CLOEXEC)}, messages{::socket(AF_UNIX, SOCK_DGRAM, 0)};
  const owned listens{::socket(AF_INET, SOCK_STREAM, 0)};
  REQUIRE(::listen(listens, 1) == 0);
  const auto refused = [&](int from, int to, const char* why) {
    const auto outcome = t.joined.join(from, to);
    CAPTURE(outcome.error().message());
    CHECK(!outcome);
    CHECK(outcome.error().message().find(why) != std::string::npos);
  };
  refused(-1, -1, "-1 is not open");
  refused(100'000, 1, "100000 is not open");
  refused(in, 100'000, "100000 is not open");
  refused(out, out, "for reading");
  refused(in, in, "for writing");
  refused(folder, folder, "directory");
  refused(messages, messages, "socket of messages");
  refused(listens, listens, "listens");
  refused(in, to_nobody, "nobody reads");
  REQUIRE(t.user.write("still here"));
  CHECK(t.joined.read()->view() == "still here");
  CHECK(channel{}.join(in, out).error().code() == errc::closed);
}

TEST_CASE("join descriptor: one that is killed ends the channel and the socket, and says so", "[join]") {
  joined_channel t;
  auto [near, far] = sockets();
  caf::scoped_actor self{t.p.rt.system(), true};
  auto* home = dynamic_cast<detail::pinned&>(*caf::actor_cast<caf::abstract_actor*>(t.joined.actor())).home();
  const auto by = t.p.rt.system().spawn<detail::descriptor_relay>(
      home, detail::relay_end{.channel = t.joined.release()}, *descriptor::of(near));
  auto answer = self->request(by, patience, join_atom_v);
  REQUIRE(t.user.write("under way"));
  CHECK(receive(far, 9) == "under way");
  caf::anon_send_exit(by, caf::exit_reason::kill);
  CHECK(t.reason().find("the subscriber ended") == 0);
  CHECK(receive(far).empty());
  error why;
  answer.receive([] {}, [&](const caf::error& e) { why = from_caf(e); });
  CHECK(why.code() == errc::closed);
}

TEST_CASE("join descriptor: a channel with a subscriber is left to it", "[join]") {
  joined_channel t;
  auto [one, other] = sockets();
  t.join(one);
  CHECK(t.user.write("x"));
  CHECK(receive(other, 1) == "x");
  CHECK(t.joined.join(other).error().code() == errc::already_exists);
  CHECK(t.user.write("y"));
  CHECK(receive(other, 1) == "y");
}
