// SPDX-License-Identifier: BSD-2-Clause
#include "transport/listener.hpp"

#include "runtime/scheduler.hpp"
#include "transport/inherited.hpp"
#include "transport/local_socket.hpp"

#include <boost/asio/local/stream_protocol.hpp>
#include <caf/send.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace duplex::transport {
namespace {

using boost::asio::ip::tcp;
using any_stream = boost::asio::generic::stream_protocol;
using local = boost::asio::local::stream_protocol;

constexpr int listen_backlog = 511;                       // the kernel cuts it to somaxconn
constexpr auto recover = std::chrono::milliseconds{200};  // after "too many open files" accepting at once would spin

std::string text_of(const sockaddr_storage& at) {
  tcp::endpoint known;
  std::memcpy(known.data(), &at, std::min(sizeof at, known.capacity()));
  return endpoint::tcp(known.address().to_string(), known.port()).str();
}

}  // namespace

caf::actor spawn_session(caf::actor_system& system, const session_plan& plan, side role, unique_fd socket,
                         session_info about, caf::actor reporter, authorized_keys_ptr admitted) {
  if (is_local(socket.get())) enlarge_send_buffer(socket.get());
  about.local_name = plan.settings->name;
  auto& home = detail::scheduler::of(system).next();
  return system.spawn<session>(
      &home, session_setup{role, std::move(socket), std::move(about), plan.settings, plan.identity, plan.peer,
                           std::move(reporter), plan.make_channel, plan.served, std::move(admitted)});
}

listener::listener(caf::actor_config& config, detail::worker* home, endpoint where, session_plan_ptr plan,
                   authorized_keys_ptr admitted)
    : pinned_actor(config, home),
      where_(std::move(where)),
      plan_(std::move(plan)),
      admitted_(std::move(admitted)),
      resolver_(home->context()),
      acceptor_(home->context()),
      pause_(home->context()) {}

caf::behavior listener::make_behavior() {
  monitor(plan_->peer);
  set_down_handler([this](const caf::down_msg& gone) {
    if (gone.source == plan_->peer.address()) return quit(gone.reason);
    startups_.erase(gone.source.id());  // a session that did not come to authenticate
  });
  return {
      [this](bind_atom) {
        bound_ = make_response_promise();
        if (where_.type() == endpoint::kind::fd) return adopt(), bound_;
        if (where_.type() == endpoint::kind::unix_socket) {
          if (auto taken = make_way())
            refuse(taken.code(), taken.context());
          else
            listen(local::endpoint{where_.target()});
          return bound_;
        }
        boost::system::error_code is_name;  // an address needs no resolver, whose first use starts a thread
        if (const auto address = boost::asio::ip::make_address(where_.target(), is_name); !is_name) {
          listen(tcp::endpoint{address, where_.number()});
          return bound_;
        }
        resolver_.async_resolve(where_.target(), std::to_string(where_.number()),
                                tcp::resolver::passive | tcp::resolver::address_configured,
                                [self = caf::strong_actor_ptr{ctrl()}, this](const auto& failed, const auto& found) {
                                  detail::run_scope turn{*this->home()};
                                  resolved(failed, found);
                                });
        return bound_;
      },
      [this](plan_atom, session_plan_ptr& plan) { plan_ = std::move(plan); },
      [this](authed_atom, const caf::actor& up) {
        demonitor(up.address());
        startups_.erase(up.id());
      },
  };
}

void listener::on_exit() {
  boost::system::error_code ignored;
  resolver_.cancel();
  struct stat about {};
  // The path may have become somebody else's.
  if (inode_ != 0 && ::lstat(where_.target().c_str(), &about) == 0 && about.st_ino == inode_)
    ::unlink(where_.target().c_str());
  acceptor_.close(ignored);
  pause_.cancel();
  demonitor(plan_->peer);
}

void listener::log(log_record::level severity, std::string text) const {
  if (plan_->settings->log) plan_->settings->log({severity, "listener", where_.str() + ": " + std::move(text)});
}

void listener::refuse(errc code, const std::string& why) {
  bound_.deliver(to_caf({code, "bind '" + where_.str() + "': " + why}));
  caf::anon_send_exit(caf::actor_cast<caf::actor>(this), caf::exit_reason::user_shutdown);
}

void listener::resolved(const boost::system::error_code& failed, const tcp::resolver::results_type& found) {
  if (failed || found.empty()) return refuse(errc::connection_failed, "no such host: " + failed.message());
  listen(found.begin()->endpoint());
}

// A unix socket that a program left behind is in the way of the next one; a live one is not ours to take, nor is a
// file.
error listener::make_way() {
  const auto& path = where_.target();
  struct stat about {};
  if (::lstat(path.c_str(), &about) != 0) return {};
  if (!S_ISSOCK(about.st_mode)) return {errc::address_in_use, "a file that is no socket is there; remove it"};
  boost::system::error_code failed;
  local::socket probe{home()->context(), local{}};
  probe.non_blocking(true, failed);  // one whose backlog is full would keep us
  probe.connect(local::endpoint{path}, failed);
  if (failed != boost::asio::error::connection_refused)
    return {errc::address_in_use, "another program listens there; choose another path"};
  ::unlink(path.c_str());
  return {};
}

void listener::listen(const any_stream::endpoint& at) {
  const bool is_tcp = where_.type() == endpoint::kind::tcp;
  boost::system::error_code failed;
  acceptor_.open(at.protocol(), failed);
  if (!failed) ::fcntl(acceptor_.native_handle(), F_SETFD, FD_CLOEXEC);
  if (!failed && is_tcp) acceptor_.set_option(tcp::acceptor::reuse_address{true}, failed);
  if (!failed) acceptor_.bind(at, failed);
  struct stat about {};
  if (!failed && !is_tcp && ::lstat(where_.target().c_str(), &about) == 0) inode_ = about.st_ino;
  // Nobody can connect before `listen`, so there is no moment when the path is open to others.
  if (!failed && !is_tcp && ::chmod(where_.target().c_str(), socket_mode(*plan_->settings)) != 0)
    failed.assign(errno, boost::system::system_category());
  if (!failed) acceptor_.listen(listen_backlog, failed);
  if (!failed) acceptor_.non_blocking(true, failed);
  if (failed == boost::asio::error::address_in_use)
    return refuse(errc::address_in_use, "another program listens there; choose another port, or 0 for any");
  if (failed) return refuse(errc::io, failed.message());
  if (is_tcp) {
    tcp::endpoint real;
    const auto bound = acceptor_.local_endpoint(failed);
    std::memcpy(real.data(), bound.data(), std::min(bound.size(), real.capacity()));
    where_ = endpoint::tcp(where_.target(), real.port());
  }
  ready();
}

// A socket that another program listens at for this one.
void listener::adopt() {
  auto taken = take_listening(where_.number());
  if (!taken) return refuse(taken.error().code(), taken.error().context());
  boost::system::error_code failed;
  acceptor_.assign(any_stream{family_of(taken->get()), 0}, taken->get(), failed);
  if (failed) return refuse(errc::io, failed.message());
  (void)taken->release();
  acceptor_.non_blocking(true, failed);
  if (failed) return refuse(errc::io, failed.message());
  ready();
}

void listener::ready() {
  log(log_record::level::info, "listening");
  bound_.deliver(where_);
  accept();
}

void listener::accept() {
  acceptor_.async_wait(acceptor_.wait_read,
                       [self = caf::strong_actor_ptr{ctrl()}, this](const boost::system::error_code& failed) {
                         detail::run_scope turn{*home()};
                         if (!failed && acceptor_.is_open()) accept_one();
                       });
}

// By hand: Asio would have the reactor watch the socket, which a session on another worker then takes out again.
void listener::accept_one() {
  sockaddr_storage from{};
  socklen_t size = sizeof from;
  unique_fd socket{
      ::accept4(acceptor_.native_handle(), reinterpret_cast<sockaddr*>(&from), &size, SOCK_CLOEXEC | SOCK_NONBLOCK)};
  if (socket)
    accepted(std::move(socket), from);
  else if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR && errno != EPROTO)
    return pause(std::strerror(errno));
  accept();
}

void listener::pause(const char* why) {
  log(log_record::level::warning, std::string{"accepting: "} + why);
  pause_.expires_after(recover);
  pause_.async_wait([self = caf::strong_actor_ptr{ctrl()}, this](const boost::system::error_code& cancelled) {
    detail::run_scope turn{*home()};
    if (!cancelled && acceptor_.is_open()) accept();
  });
}

// Runs in an Asio handler, outside the actor's turn: `monitor` is safe there because it only attaches to the session.
void listener::accepted(unique_fd socket, const sockaddr_storage& from) {
  session_info about;
  if (from.ss_family == AF_UNIX) {
    about.address = where_.str();  // the other end has no name of its own
    about.process = remote_process(socket.get());
    if (const auto why = check_user(*plan_->settings, about.process))
      return log(log_record::level::warning, "closed a connection at once: " + why.context());
  } else {
    about.address = text_of(from);
  }
  if (startups_.size() >= plan_->settings->max_startups)
    return log(log_record::level::warning, "closed " + about.address + " at once: " + std::to_string(startups_.size()) +
                                               " connections have not authenticated (option max_startups)");
  const auto session = spawn_session(system(), *plan_, side::acceptor, std::move(socket), std::move(about),
                                     caf::actor_cast<caf::actor>(this), admitted_);
  startups_.insert(session.id());
  monitor(session);
}

}  // namespace duplex::transport
