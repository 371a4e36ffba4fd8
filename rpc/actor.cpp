// SPDX-License-Identifier: BSD-2-Clause
#include <duplex/rpc/actor.hpp>

#include "runtime/requester.hpp"
#include "runtime/scheduler.hpp"

#include <boost/asio/detached.hpp>
#include <caf/event_based_actor.hpp>

#include <mutex>

namespace duplex::rpc {
namespace {

constexpr auto category = caf::atom("rpc");

}  // namespace

caf::error to_caf(const status& of) {
  if (of.ok()) return {};
  return {static_cast<std::uint8_t>(of.code()), category, caf::make_message(of.message())};
}

status from_caf(const caf::error& of) {
  if (!of) return {};
  if (of.category() == category) {
    std::string message;
    if (of.context().match_elements<std::string>()) message = of.context().get_as<std::string>(0);
    return {to_code(of.code()), std::move(message)};
  }
  if (of == caf::sec::unexpected_message) return {code::unimplemented, "the actor has no handler for it"};
  return status{duplex::from_caf(of)};
}

namespace detail {
namespace {

/// *Any thread.* An actor's answer, and who waits for it; the mutex stands for a mailbox.
class pending_answer {
 public:
  void set(caf::error why, caf::message content) {
    std::unique_lock lock{mutex_};
    why_ = std::move(why);
    content_ = std::move(content);
    done_ = true;
    const auto wake = std::exchange(wake_, nullptr);
    lock.unlock();
    if (wake) wake();
  }
  bool wait(waker wake) {
    std::lock_guard lock{mutex_};
    if (!done_ && wake) wake_ = std::move(wake);
    return done_;
  }
  caf::message take() {
    if (why_) throw failure{from_caf(why_)};
    return std::move(content_);
  }

 private:
  std::mutex mutex_;  // guards what follows, until it is done
  bool done_ = false;
  caf::error why_;
  caf::message content_;
  waker wake_;
};

std::chrono::milliseconds left(context::clock::time_point deadline) {
  if (deadline == context::clock::time_point::max()) return duplex::detail::requester::no_timeout;
  return std::max(std::chrono::milliseconds{1},
                  std::chrono::ceil<std::chrono::milliseconds>(deadline - context::clock::now()));
}

caf::behavior caller(caf::event_based_actor* self, const std::map<std::string, actor_method>& methods) {
  // Any message may be a call, so all are taken by the default handler; none is waited for here.
  self->set_default_handler([methods](caf::scheduled_actor* me, caf::message_view& view) -> caf::result<caf::message> {
    auto content = view.move_content_to_message();
    std::string name;
    const bool named = !methods.contains({});
    if (named) {
      if (content.empty() || !content.match_element<std::string>(0)) return caf::sec::unexpected_message;
      name = content.get_as<std::string>(0);
      content = content.drop(1);
    }
    const auto at = methods.find(name);
    if (at == methods.end()) return to_caf(status{code::unimplemented, "no method '" + name + "'"});
    // Not a response_promise: the outcome comes on whatever thread, outside of this actor.
    const auto answer_to = [to = me->current_sender(), id = me->current_message_id(),
                            from = caf::actor_cast<caf::strong_actor_ptr>(me)](const caf::error& why,
                                                                               const caf::message& result) {
      if (to == nullptr || !id.is_request()) return;
      to->enqueue(from, id.response_id(), why ? caf::make_message(why) : result, nullptr);
    };
    if (!at->second(content, answer_to))
      return to_caf(status{code::invalid_argument, "the arguments are not those of the method"});
    return caf::delegated<caf::message>{};
  });
  return {[](std::nullptr_t) {}};
}

}  // namespace

task<caf::message> ask(caf::strong_actor_ptr whom, caf::message what, context::clock::time_point deadline) {
  const auto answer = std::make_shared<pending_answer>();
  const auto by = duplex::detail::make_requester(*whom->home_system);
  by->watch(whom, [](const caf::error&) {});  // what it does not answer ends with it
  by->request(
      whom, left(deadline),
      [answer](caf::error why, caf::message content) { answer->set(std::move(why), std::move(content)); },
      std::move(what));
  auto done = until([answer](waker wake) { return answer->wait(std::move(wake)); });
  co_await std::move(done);
  co_return answer->take();
}

void start_on(caf::actor_system& in, task<void> what) {
  boost::asio::co_spawn(duplex::detail::scheduler::of(in).next().context(), std::move(what), boost::asio::detached);
}

caf::actor spawn_caller(caf::actor_system& in, std::map<std::string, actor_method> methods) {
  return in.spawn(caller, std::move(methods));
}

}  // namespace detail
}  // namespace duplex::rpc
