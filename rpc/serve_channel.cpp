// SPDX-License-Identifier: BSD-2-Clause
// Calls with a channel of their own: the handler's side.
#include <duplex/percent.hpp>

#include "rpc/admission.hpp"
#include "rpc/call_handles.hpp"
#include "rpc/living.hpp"
#include "rpc/operations.hpp"
#include "rpc/own_channel.hpp"
#include "rpc/rpc_core.hpp"

#include <boost/asio/detached.hpp>

#include <algorithm>
#include <charconv>

namespace duplex::rpc::detail {
namespace {

namespace asio = boost::asio;

/// A call whose arguments, objects and result are frames of a channel of its own.
class channel_call final : public served {
 public:
  channel_call(arrival from, link_ptr on, std::uint32_t number, channel ch, bool stock, std::shared_ptr<living> came)
      : served(std::move(from)),
        link_(std::move(on)),
        number_(number),
        channel_(std::move(ch)),
        stock_(stock),
        came_(std::move(came)) {}

  std::string& room() override {
    room_.clear();
    return room_;
  }
  std::shared_ptr<handles> outgoing() override {
    if (!with_) with_ = std::make_shared<call_handles>(link_);
    return with_;
  }
  source_ptr incoming(const item_ops& as) override {
    // A Duplex caller says that its objects are all; a stock client's end of input is as good. Whoever closes instead
    // has given up.
    auto ended = [ch = channel_, said = link_ != nullptr, self = weak()](const error& why) {
      const auto conclude = [self](const rpc::status& how) {
        if (const auto call = self.lock(); call && call->objects_) call->objects_->end(how);
      };
      if (why.code() == errc::frame_too_large) return conclude(rpc::status{why});
      if (why.code() != errc::end_of_stream) return conclude({code::cancelled, "the caller is lost: " + why.message()});
      if (!said) return conclude({});
      detail::start(ch.state(), duplex::detail::trailers_op{},
                    [conclude](const result<std::vector<std::string>>& last) {
                      conclude(last ? status_in(*last, {code::cancelled, "the caller gave up"})
                                    : rpc::status{code::cancelled, "the caller gave up"});
                    });
    };
    objects_ = std::make_shared<channel_source>(as, codec(), limits(), std::move(ended));
    objects_->start(channel_, received, &seen_by);
    return objects_;
  }
  channel bytes_of() override {
    became_bytes_ = true;
    if (link_) link_->forget(number_);  // the deadline was for getting here; who closes the channel ends it now
    if (timer_) timer_->cancel();
    if (stock_) return channel_;
    // The caller gets its end of the channel with this.
    static const std::monostate nothing;
    std::string go;
    encode(go, *codec(), ops_of<std::monostate>(), &nothing, nullptr);
    detail::start(channel_.state(), duplex::detail::write_frame_op{go}, [](const result<void>&) {});
    return channel_;
  }
  task<void> send_all(source_ptr objects, const item_ops& as) override {
    const auto self = std::static_pointer_cast<channel_call>(shared_from_this());
    bool read = true;
    try {
      co_await pump(std::move(objects), as, channel_, codec(), outgoing(), &seen_by);
    } catch (const unread&) {
      read = false;
    }
    if (read)
      finish(*self);
    else
      self->stop({code::cancelled, "the caller let go of it"});
  }
  void send_end(const rpc::status& how, std::string_view result, const metadata& trailers) override {
    if (link_) link_->forget(number_);
    if (timer_) timer_->cancel();
    if (objects_ && !how.ok()) objects_->end(how);
    asio::co_spawn(
        on(),
        end_channel(std::static_pointer_cast<channel_call>(shared_from_this()), how, std::string{result}, trailers),
        asio::detached);
  }
  /// No link watches its deadline.
  void watch_deadline() {
    if (about().deadline() == context::clock::time_point::max()) return;
    timer_.emplace(on(), about().deadline());
    timer_->async_wait([self = weak()](const boost::system::error_code& failed) {
      const auto late = self.lock();
      if (!failed && late) late->stop({code::deadline_exceeded, late->about().method() + ": the deadline passed"});
    });
  }
  /// The caller went away.
  void watch() {
    detail::start(channel_.state(), duplex::detail::trailers_op{}, [self = weak()](const auto& last) {
      if (last) return;
      if (const auto call = self.lock()) call->stop({code::cancelled, "the caller let go of it"});
    });
  }

 private:
  std::weak_ptr<channel_call> weak() { return std::static_pointer_cast<channel_call>(shared_from_this()); }

  static task<void> end_channel(std::shared_ptr<channel_call> self, rpc::status how, std::string result,
                                metadata trailers) {
    auto ch = self->channel_;
    const auto with = self->with_;
    try {
      if (how.ok() && !result.empty()) co_await write_frame(ch, std::move(result));
      if (how.ok() && with) co_await send_channels(ch, with->channels());
    } catch (const failure& wrong) {
      how = wrong.status();
      if (with) with->roll_back();
    }
    trailers = trailers_with(how, trailers);
    if (how.ok() && with && !with->channels().empty())
      trailers.push_back("channels=" + std::to_string(with->channels().size()));
    if (self->not_read_) trailers.emplace_back("begun=no");
    if (!how.ok() && self->stock_ && !self->became_bytes_) {
      const auto text = how.text();
      co_await ch.async_write_error(text);
    }
    auto end = end_writing(ch, std::move(trailers));
    co_await std::move(end);
    const auto came = self->came_;
    const bool streamed = self->objects_ != nullptr;
    // Who opened it by the method's name may still have it open for writing, as ssh its stdin.
    if (self->link_ == nullptr && !self->became_bytes_) co_await ch.async_close();
    self = nullptr;
    auto parting = part(std::move(ch), with, came, streamed);
    co_await std::move(parting);
  }
  // Channels and functions that went either way are used beyond the call; see the caller's side.
  static task<void> part(channel ch, std::shared_ptr<call_handles> with, std::shared_ptr<living> came, bool streamed) {
    if (with && with->used()) {
      if (streamed) {
        auto closed = closed_there(ch);
        co_await std::move(closed);
      } else {
        co_await ch.async_trailers();
      }
    }
    if (came) {
      auto ended = all_ended(std::move(came));
      co_await std::move(ended);
    }
  }

  const link_ptr link_;
  const std::uint32_t number_;
  const channel channel_;
  const bool stock_;
  const std::shared_ptr<living> came_;  // channels among the arguments
  bool became_bytes_ = false;
  std::optional<asio::steady_timer> timer_;  // of a call that no link watches
  std::string room_;
  std::shared_ptr<call_handles> with_;
  std::shared_ptr<channel_source> objects_;
};

task<void> refuse(channel ch, const meta& about, rpc::status why) {
  auto trailers = trailers_with(why, {});
  trailers.emplace_back("begun=no");
  const auto text = why.text();
  if (about.stock) co_await ch.async_write_error(text);
  auto end = end_writing(ch, trailers);
  co_await std::move(end);
}

// What a caller sent who closed its side at once: `ssh -s host method </dev/null`.
bytes no_arguments(const codec& by) {
  std::string none;
  const std::tuple<> nothing;
  if (by.takes().empty()) encode(none, by, ops_of<std::tuple<>>(), &nothing, nullptr);
  return bytes{none};
}

// The words of `ssh host 'demo.Calc.add 1 2'`: then a stock client's input is objects from its first line on.
std::optional<std::string_view> words_in(const meta& about, const codec& by) {
  return about.stock && by.name() == "json" ? about.header("args") : std::nullopt;
}

// The arguments, encoded. Throws codec_error.
task<result<bytes>> read_arguments(channel ch, std::shared_ptr<const meta> about, codec_ptr by, bool by_name) {
  if (const auto words = words_in(*about, *by)) co_return bytes{words_as_json(*words)};
  auto first = co_await ch.async_read_frame();
  if (first) co_return std::move(*first);
  if (!by_name || first.error().code() != errc::end_of_stream) co_return first.error();
  co_return no_arguments(*by);
}

/// *Value.* What a call begins with, or why there is none.
struct beginning {
  rpc::status wrong{};
  bool gone = false;  // the caller gave up
  bytes arguments{};
  std::vector<channel> came{};
};

task<beginning> read_call(channel ch, std::shared_ptr<const meta> about, codec_ptr codec, bool by_name) {
  beginning made;
  try {
    auto reading = read_arguments(ch, about, codec, by_name);
    auto arguments = co_await std::move(reading);
    if (!arguments) {
      made.gone = arguments.error().code() == errc::end_of_stream;
      made.wrong = rpc::status{arguments.error()};
      co_return made;
    }
    made.arguments = std::move(*arguments);
  } catch (const codec_error& why) {
    made.wrong = {code::invalid_argument, about->service + ": " + why.what()};
    co_return made;
  }
  const auto channels = number_in(about->headers, "channels");
  made.came = co_await take_channels(ch, channels);
  made.gone = made.came.size() < channels;
  co_return made;
}

/// *Worker-bound.* A call that came by its name, until its arguments are there: no link watches its deadline.
struct arrival_limit {
  asio::steady_timer timer;
  enum class state { running, passed, over } is = state::running;
};

task<void> give_up(channel ch, std::shared_ptr<const meta> about) {
  auto refusal = refuse(ch, *about, {code::deadline_exceeded, about->service + ": the deadline passed"});
  co_await std::move(refusal);
  co_await ch.async_close();
}

// Nothing for a call without a deadline.
std::shared_ptr<arrival_limit> limit_arrival(channel ch, std::shared_ptr<const meta> about,
                                             context::clock::time_point deadline) {
  if (deadline == context::clock::time_point::max()) return nullptr;
  const auto limit = std::make_shared<arrival_limit>(asio::steady_timer{duplex::detail::executor_of(ch), deadline});
  limit->timer.async_wait([limit, ch, about](const boost::system::error_code& cancelled) {
    if (cancelled || limit->is == arrival_limit::state::over) return;
    limit->is = arrival_limit::state::passed;
    asio::co_spawn(limit->timer.get_executor(), give_up(ch, about), asio::detached);
  });
  return limit;
}

/// What a stock client, or a program by hand, may have got wrong before anything of the call has come.
rpc::status check_headers(const meta& about) {
  const auto deadline = about.header("deadline").value_or("0");
  std::uint64_t number = 0;
  const auto [end, wrong] = std::from_chars(deadline.data(), deadline.data() + deadline.size(), number);
  if (wrong != std::errc{} || end != deadline.data() + deadline.size())
    return {code::invalid_argument,
            about.service + ": deadline='" + std::string{deadline} + "' is no number of milliseconds"};
  if (about.stock && number_in(about.headers, "channels") != 0)
    return {code::invalid_argument, about.service + ": channels=: a stock client cannot open them"};
  return {};
}

metadata headers_of_caller(const meta& about) {
  auto headers = about.headers;
  std::erase_if(headers, [](const std::string& item) {
    return std::any_of(reserved_headers.begin(), reserved_headers.end(),
                       [&](const char* key) { return item.starts_with(key); });
  });
  return headers;
}

}  // namespace

task<void> serve_channel(std::shared_ptr<rpc_core> core, link_ptr on, channel ch) {
  auto met = co_await ch.async_meta();
  if (!met) co_return;
  const auto about = std::make_shared<const meta>(std::move(*met));
  const auto& caller = on ? on->remote() : about;
  const auto wanted = about->header("codec").value_or(about->stock ? "json" : "msgpack");
  const auto codec = core->find_codec(wanted);
  if (!codec) {
    auto refusal = refuse(ch, *about,
                          {code::unimplemented,
                           "codec '" + std::string{wanted} + "' is not known here; known are " + core->codec_names()});
    co_return co_await std::move(refusal);
  }
  if (auto wrong = check_headers(*about); !wrong.ok()) {
    auto refusal = refuse(ch, *about, std::move(wrong));
    co_return co_await std::move(refusal);
  }
  const auto deadline_ms = number_in(about->headers, "deadline");
  auto deadline = from_wire(static_cast<std::uint32_t>(std::min<std::uint64_t>(deadline_ms, UINT32_MAX)));
  // Only what has arrived takes a place among the calls of its service.
  const auto limit = on ? nullptr : limit_arrival(ch, about, deadline);
  auto reading = read_call(ch, about, codec, on == nullptr);
  auto call_read = co_await std::move(reading);
  if (limit) {
    if (limit->is == arrival_limit::state::passed) co_return;
    limit->is = arrival_limit::state::over;
    limit->timer.cancel();
  }
  if (call_read.gone) co_return;
  if (!call_read.wrong.ok()) {
    auto refusal = refuse(ch, *about, call_read.wrong);
    co_return co_await std::move(refusal);
  }
  auto headers = headers_of_caller(*about);
  const auto number = static_cast<std::uint32_t>(number_in(about->headers, "call"));
  if (on && on->serves(number)) {
    auto refusal = refuse(ch, *about, {code::internal, "call " + std::to_string(number) + " is under way already"});
    co_return co_await std::move(refusal);
  }
  auto admitted = admit(*core, on.get(), *caller, about->service, headers, deadline);
  if (!admitted.why.ok()) {
    auto refusal = refuse(ch, *about, admitted.why);
    co_return co_await std::move(refusal);
  }
  arrival from{.method = about->service,
               .headers = std::move(headers),
               .deadline = deadline,
               .caller = caller,
               .codec = codec,
               .limits = admitted.limits,
               .arguments = std::move(call_read.arguments),
               .on = duplex::detail::executor_of(ch)};
  const auto alive = call_read.came.empty() ? nullptr : living::of(call_read.came);
  const auto call = std::make_shared<channel_call>(std::move(from), on, number, ch, about->stock, alive);
  call->in = std::move(admitted.in);
  call->seen_by = std::move(admitted.seen_by);
  call->received = std::make_shared<call_handles>(on, std::move(call_read.came));
  call->watch();
  if (!on) call->watch_deadline();
  call->begin(*admitted.target);
  if (on) on->remember(number, call);
}

}  // namespace duplex::rpc::detail
