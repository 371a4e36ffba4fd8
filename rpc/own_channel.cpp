// SPDX-License-Identifier: BSD-2-Clause
// Calls with a channel of their own: the caller's side, and what both sides share.
#include "rpc/own_channel.hpp"

#include <duplex/percent.hpp>

#include "rpc/base64.hpp"
#include "rpc/call_handles.hpp"
#include "rpc/living.hpp"
#include "rpc/operations.hpp"
#include "rpc/rpc_core.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/detached.hpp>

#include <charconv>

namespace duplex::rpc::detail {
namespace {

namespace asio = boost::asio;

/// A call on its way, as the coroutines of the caller's side share it.
struct trip {
  call_ptr call;
  link_ptr on;
  std::uint32_t number;
  channel ch;
  std::shared_ptr<call_handles> with;
  std::string arguments;
  source_ptr in;
  const signature& of;
  std::shared_ptr<living> received{};  // channels that came with the result
  std::shared_ptr<void> result{};      // until it was taken, see `farewell`

  void settle(ending how) const { on->settle(number, std::move(how)); }
};
using trip_ptr = std::shared_ptr<trip>;

/// The link stays meanwhile.
class holding {
 public:
  explicit holding(link_ptr what) : what_(std::move(what)) { what_->hold(); }
  ~holding() { what_->let_go(); }
  holding(const holding&) = delete;
  holding& operator=(const holding&) = delete;

 private:
  const link_ptr what_;
};

ending ending_in(const result<metadata>& last, const std::string& method) {
  const rpc::status none{code::unavailable, method + ": the other side closed the call's channel"};
  if (!last) return {.status = last.error().code() == errc::closed ? none : rpc::status{last.error()}};
  const bool unseen = find_value(*last, "begun") == "no";
  ending how{.status = status_in(*last, none), .trailers = without_status(*last), .seen = !unseen};
  // What is wrong with the arguments is so everywhere.
  how.not_begun = unseen && how.status.code() != code::invalid_argument;
  return how;
}

task<void> send_objects(trip_ptr on) {
  const auto call = on->call;
  std::exception_ptr thrown;
  try {
    co_await pump(std::exchange(on->in, nullptr), *on->of.in, on->ch, call->codec, on->with, &call->seen_by);
    metadata last{"status=0"};
    auto end = end_writing(on->ch, std::move(last));
    co_await std::move(end);
  } catch (...) {
    thrown = std::current_exception();
  }
  // A handler that has heard enough says so with its status; only what our own side did ends the call here.
  if (thrown && !call->settled() && !is_unread(thrown)) call->drop(status_of(thrown));
}

/// Our last word, said when the result was taken and all that came with it has ended: the handler's side keeps until
/// then what the result needs. Not awaited: who takes the result may outlive the runtime. With a stream the word was
/// said with its last object; the channel that closes is one, too.
class farewell {
 public:
  farewell(channel ch, bool say) : ch_(std::move(ch)), say_(say) {}
  ~farewell() {
    if (!say_) return;
    const metadata last{"status=0"};
    detail::start(ch_.state(), duplex::detail::write_trailers_op{&last}, [](const result<void>&) {});
  }
  farewell(const farewell&) = delete;
  farewell& operator=(const farewell&) = delete;

 private:
  const channel ch_;
  const bool say_;
};

// Channels that came with either message are children of the call's channel: it stays until they have ended. The other
// side waits for our word when it has sent some, which with a stream was said with its last object: for our closing
// then.
task<void> part(trip_ptr on) {
  const holding kept{on->on};
  on->call = nullptr;
  if (on->received) {
    auto ended = all_ended(on->received);
    co_await std::move(ended);
  }
  on->result = nullptr;
  if (on->with->channels().empty()) co_return;
  if (on->of.in != nullptr && on->received) {
    auto ended = all_ended(living::of(on->with->channels()));
    co_return co_await std::move(ended);
  }
  auto closed = closed_there(on->ch);
  co_await std::move(closed);
}

task<void> await_status(trip_ptr on, result<bytes> frame) {
  const auto last = co_await on->ch.async_trailers();
  auto how = ending_in(last, on->call->method);
  std::vector<channel> came;
  if (how.status.ok() && on->of.result != nullptr) {
    if (frame)
      how.result = std::move(*frame);
    else  // it had none, or was closed here with it
      how.status = {frame.error().code() == errc::end_of_stream ? code::internal : rpc::status{frame.error()}.code(),
                    on->call->method + ": no result: " + frame.error().message()};
    came = co_await take_channels(on->ch, number_in(*last, "channels"));
  } else if (!frame && frame.error().code() == errc::frame_too_large) {
    how.status = rpc::status{frame.error()};
  }
  if (on->on->find(on->number) != on->call) co_return;  // it has ended, or gone elsewhere
  if (!came.empty()) on->received = living::of(came);
  on->result = std::make_shared<farewell>(on->ch, on->of.in == nullptr);
  on->call->keep({}, std::make_shared<call_handles>(on->on, std::move(came), on->result));
  on->settle(std::move(how));
}

task<void> read_bytes(trip_ptr on, result<bytes> go) {
  if (!go) {
    auto status = await_status(on, std::move(go));
    co_return co_await std::move(status);
  }
  const holding kept{on->on};
  const auto alive = living::of({on->ch});
  on->call->keep(std::exchange(on->ch, {}), nullptr);
  on->settle({.seen = true});
  auto ended = all_ended(alive);
  co_await std::move(ended);
}

task<void> travel(trip_ptr on) {
  if (on->call->settled()) co_return;
  std::vector<std::string> headers = on->call->headers;
  headers.push_back("codec=" + std::string{on->call->codec->name()});
  headers.push_back("call=" + std::to_string(on->number));
  if (const auto left = to_wire(on->call->deadline); left != 0) headers.push_back("deadline=" + std::to_string(left));
  if (!on->with->channels().empty()) headers.push_back("channels=" + std::to_string(on->with->channels().size()));
  auto opened = co_await on->on->open_child(on->call->method, std::move(headers));
  if (!opened) {
    on->settle({.status = rpc::status{opened.error()}, .not_begun = true});
    co_return;
  }
  on->ch = std::move(*opened);
  if (!on->call->travels_on(on->ch)) co_return;
  co_await write_frame(on->ch, std::move(on->arguments));
  co_await send_channels(on->ch, on->with->channels());
  if (on->of.in != nullptr) {
    // What it waits for is cancelled when the call has ended some other way.
    auto signal = std::make_shared<asio::cancellation_signal>();
    auto slot = signal->slot();  // in use until the coroutine has ended
    asio::co_spawn(on->on->on(), send_objects(on),
                   asio::bind_cancellation_slot(slot, [signal](const std::exception_ptr&) {}));
    when_settled(on->call, [signal, executor = on->on->on()] {
      asio::post(executor, [signal] { signal->emit(asio::cancellation_type::all); });
    });
  }
  if (on->of.out != nullptr) {
    on->call->objects->start(on->ch, std::make_shared<call_handles>(on->on), &on->call->seen_by);
    auto ended = until([call = on->call](waker wake) { return call->wait(std::move(wake)); });
    co_await std::move(ended);
  } else {
    auto frame = co_await on->ch.async_read_frame();
    if (frame) on->call->seen_by.object(direction::received, *frame);
    if (on->of.becomes_bytes) {
      auto bytes = read_bytes(on, std::move(frame));
      co_return co_await std::move(bytes);
    }
    auto status = await_status(on, std::move(frame));
    co_await std::move(status);
  }
  auto parting = part(on);
  co_await std::move(parting);
}

}  // namespace

void link::start_own_channel(const call_ptr& call, const signature& of, std::string arguments, source_ptr in,
                             std::shared_ptr<call_handles> with) {
  const auto number = enter(call);
  if (number == 0) return with->roll_back();
  auto made = std::make_shared<trip>(
      trip{call, shared_from_this(), number, {}, std::move(with), std::move(arguments), std::move(in), of});
  when_open([made](const rpc::status& how) {
    if (!how.ok()) return made->with->roll_back();  // `end` settles the call
    auto on = made->on->on();
    // Unless the handler has seen them, nobody gives back the functions among the arguments.
    when_settled(made->call, [made, on, call = made->call.get()] {
      if (!call->how().seen) asio::post(on, [made] { made->with->roll_back(); });
    });
    asio::co_spawn(on, travel(made), [made](const std::exception_ptr& thrown) {
      if (thrown) made->settle({.status = status_of(thrown)});  // unless it has gone elsewhere
    });
  });
}

task<result<channel>> link::open_child(std::string service, std::vector<std::string> headers) {
  std::unique_lock lock{mutex_};
  auto parent = channel_;
  lock.unlock();
  auto opened = co_await parent.async_open(service, headers);
  co_return opened;
}

std::shared_ptr<channel_source> make_results(const call_ptr& of, const item_ops& as) {
  // The frames have ended: the status follows.
  auto ended = [call = std::weak_ptr{of}](const error& why) {
    const auto settled_by = call.lock();
    if (!settled_by) return;
    const auto ch = settled_by->own_channel();
    const rpc::status cut_off{code::unavailable, settled_by->method + ": " + why.message()};
    if (why.code() == errc::truncated) return settled_by->finish({.status = cut_off});  // within an object
    if (why.code() != errc::end_of_stream && why.code() != errc::closed)
      return settled_by->finish({.status = rpc::status{why}});
    const bool whole = why.code() == errc::end_of_stream;
    detail::start(ch.state(), duplex::detail::trailers_op{},
                  [settled_by, cut_off, whole](const result<metadata>& last) {
                    auto how = ending_in(last, settled_by->method);
                    if (!whole && how.status.ok())
                      how.status = cut_off;  // closed here, with objects that nobody had read
                    settled_by->finish(std::move(how));
                  });
  };
  return std::make_shared<channel_source>(as, of->codec, of->limits, std::move(ended));
}

task<void> write_frame(channel to, std::string frame) {
  const auto written = co_await to.async_write_frame(frame);
  if (!written) throw failure{rpc::status{written.error()}};
}

task<void> pump(source_ptr from, const item_ops& as, channel to, codec_ptr codec, std::shared_ptr<handles> with,
                interceptors* seen_by) {
  const auto object = as.make();
  std::string encoded;
  for (;;) {
    const bool more = co_await next_item(from, object.get());
    if (!more) co_return;
    encoded.clear();
    encode(encoded, *codec, *as.value, as.get(object.get()), with.get());
    if (!seen_by->empty()) seen_by->object(direction::sent, encoded);
    const auto written = co_await to.async_write_frame(encoded);
    if (written) continue;
    if (written.error().code() == errc::closed) throw unread{};
    throw failure{rpc::status{written.error()}};
  }
}

task<void> end_writing(channel to, metadata trailers) {
  co_await to.async_close_write();
  co_await to.async_write_trailers(trailers);
}

rpc::status status_in(const metadata& trailers, rpc::status otherwise) {
  const auto text = find_value(trailers, "status");
  if (!text) return otherwise;
  std::uint32_t number = code_count;  // what cannot be read must not look like success
  const auto [end, failed] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (failed != std::errc{} || end != text->data() + text->size()) number = code_count;
  if (number == 0) return {};
  std::string details;
  (void)from_base64(find_value(trailers, "details").value_or(std::string_view{}), details);
  return {to_code(number), std::string{find_value(trailers, "reason").value_or(std::string_view{})}, details};
}

metadata trailers_with(const rpc::status& how, const metadata& items) {
  metadata list{"status=" + std::to_string(static_cast<int>(how.code()))};
  if (!how.message().empty()) list.push_back("reason=" + how.message());
  if (!how.details().empty()) list.push_back("details=" + to_base64(how.details()));
  list.insert(list.end(), items.begin(), items.end());
  return list;
}

bool is_unread(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const unread&) {
    return true;
  } catch (...) {
    return false;
  }
}

std::uint64_t number_in(const metadata& items, std::string_view key) {
  std::uint64_t n = 0;
  const auto text = find_value(items, key).value_or(std::string_view{});
  std::from_chars(text.data(), text.data() + text.size(), n);
  return n;
}

metadata without_status(metadata trailers) {
  std::erase_if(trailers, [](const std::string& item) {
    return item.starts_with("status=") || item.starts_with("reason=") || item.starts_with("details=") ||
           item.starts_with("begun=") || item.starts_with("channels=");
  });
  return trailers;
}

}  // namespace duplex::rpc::detail
