// SPDX-License-Identifier: BSD-2-Clause
#include "transport/listener.hpp"

#include "runtime/scheduler.hpp"

#include <caf/send.hpp>

#include <algorithm>

namespace duplex::transport {
namespace {

using boost::asio::ip::tcp;

constexpr int listen_backlog = 511;                       // the kernel cuts it to somaxconn
constexpr auto recover = std::chrono::milliseconds{200};  // after "too many open files" accepting at once would spin

std::string text_of(const tcp::endpoint& at) { return endpoint::tcp(at.address().to_string(), at.port()).str(); }

}  // namespace

caf::actor spawn_session(caf::actor_system& system, const session_plan& plan, side role, unique_fd socket,
                         session_info about, caf::actor reporter) {
  about.local_name = plan.settings->name;
  auto& home = detail::scheduler::of(system).next();
  return system.spawn<session>(
      &home, session_setup{role, std::move(socket), std::move(about), plan.settings, plan.identity, plan.peer,
                           std::move(reporter), plan.make_channel, plan.served});
}

listener::listener(caf::actor_config& config, detail::worker* home, endpoint where, session_plan_ptr plan)
    : pinned_actor(config, home),
      where_(std::move(where)),
      plan_(std::move(plan)),
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
        boost::system::error_code is_name;  // an address needs no resolver, whose first use starts a thread
        if (const auto address = boost::asio::ip::make_address(where_.target(), is_name); !is_name) {
          listen({address, where_.number()});
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
  acceptor_.close(ignored);
  pause_.cancel();
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

void listener::listen(const tcp::endpoint& at) {
  boost::system::error_code failed;
  acceptor_.open(at.protocol(), failed);
  if (!failed) acceptor_.set_option(tcp::acceptor::reuse_address{true}, failed);
  if (!failed) acceptor_.bind(at, failed);
  if (!failed) acceptor_.listen(listen_backlog, failed);
  if (!failed) acceptor_.non_blocking(true, failed);
  if (failed == boost::asio::error::address_in_use)
    return refuse(errc::address_in_use, "another program listens there; choose another port, or 0 for any");
  if (failed) return refuse(errc::io, failed.message());
  where_ = endpoint::tcp(where_.target(), acceptor_.local_endpoint(failed).port());
  log(log_record::level::info, "listening");
  bound_.deliver(where_);
  accept();
}

void listener::accept() {
  acceptor_.async_accept(
      [self = caf::strong_actor_ptr{ctrl()}, this](const boost::system::error_code& failed, tcp::socket socket) {
        detail::run_scope turn{*home()};
        if (!acceptor_.is_open()) return;
        if (!failed) {
          accepted(std::move(socket));
          return accept();
        }
        log(log_record::level::warning, "accepting: " + failed.message());
        pause_.expires_after(recover);
        pause_.async_wait([self, this](const boost::system::error_code& cancelled) {
          if (!cancelled && acceptor_.is_open()) accept();
        });
      });
}

// Runs in an Asio handler, outside the actor's turn: `monitor` is safe there because it only attaches to the session.
void listener::accepted(tcp::socket socket) {
  boost::system::error_code failed;
  const auto from = socket.remote_endpoint(failed);
  if (failed) return;  // gone already
  if (startups_.size() >= plan_->settings->max_startups)
    return log(log_record::level::warning, "closed " + text_of(from) + " at once: " + std::to_string(startups_.size()) +
                                               " connections have not authenticated (option max_startups)");
  unique_fd fd{socket.release(failed)};
  if (failed || !fd) return;
  session_info about;
  about.address = text_of(from);
  const auto session = spawn_session(system(), *plan_, side::acceptor, std::move(fd), std::move(about),
                                     caf::actor_cast<caf::actor>(this));
  startups_.insert(session.id());
  monitor(session);
}

}  // namespace duplex::transport
