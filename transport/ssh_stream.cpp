// SPDX-License-Identifier: BSD-2-Clause
#include "transport/ssh_stream.hpp"

#include <duplex/meta.hpp>
#include <duplex/percent.hpp>

#include "transport/kernel_random.hpp"
#include "transport/session.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace duplex::transport {
namespace {

// What libssh puts into one CHANNEL_DATA, and as much as it is given at a time: so each packet is sent when it is
// ready, and the receiver decrypts it while the next is encrypted. Eight to a write cost a tenth of the bulk figure.
constexpr std::size_t packet = 32'758;
// Above this libssh has granted window that nobody freed: its stderr accounting is wrong when stdout waits (0.10).
constexpr std::size_t libssh_hoard = 2U << 20;

constexpr const char* accept_signal = "accept@duplex";
constexpr const char* trailers_signal = "trailers@duplex";

ssh_stream& self(void* user) { return *static_cast<ssh_stream*>(user); }

}  // namespace

ssh_stream::ssh_stream(session& owner, const options& of, ssh_channel ch, channel_id id, dialect speaks)
    : stream(owner, of), owner_(owner), ch_(ch), id_(id), speaks_(speaks) {
  callbacks_.userdata = this;
  callbacks_.channel_data_function = [](ssh_session, ssh_channel, void* data, std::uint32_t size, int is_error,
                                        void* user) {
    return static_cast<int>(self(user).on_data(static_cast<const char*>(data), size, is_error != 0));
  };
  callbacks_.channel_eof_function = [](ssh_session, ssh_channel, void* user) {
    auto& st = self(user);
    st.confirmed_ = st.eof_ = st.news_ = true;
    st.owner_.touch(st);
  };
  callbacks_.channel_close_function = [](ssh_session, ssh_channel, void* user) {
    auto& st = self(user);
    st.confirmed_ = st.gone_ = true;  // freeing here would free the list that libssh walks
    st.owner_.touch(st);
  };
  callbacks_.channel_exit_status_function = [](ssh_session, ssh_channel, int, void* user) {
    self(user).confirmed_ = true;  // the number comes again in the trailers
  };
  callbacks_.channel_exit_signal_function = [](ssh_session, ssh_channel, const char* name, int, const char* text,
                                               const char*, void* user) { self(user).on_exit_signal(name, text); };
  if (speaks_ == dialect::command) take_requests();
  ssh_callbacks_init(&callbacks_);
  ssh_set_channel_callbacks(ch_, &callbacks_);
}

ssh_stream::~ssh_stream() { detach(); }

void ssh_stream::detach() {
  if (ch_ != nullptr) ssh_remove_channel_callbacks(ch_, &callbacks_);
  ch_ = nullptr;
}

// ssh -s names a subsystem, a command begins with the service's name; variables are headers. libssh wants the answer at
// once and sends it itself.
void ssh_stream::take_requests() {
  lines_ = std::make_unique<line_reader>();
  asking_ = std::make_unique<request>();
  callbacks_.channel_env_request_function = [](ssh_session, ssh_channel, const char* name, const char* value,
                                               void* user) { return self(user).on_environment(name, value); };
  callbacks_.channel_subsystem_request_function = [](ssh_session, ssh_channel, const char* name, void* user) {
    return self(user).on_request(name, {}, {});
  };
  callbacks_.channel_exec_request_function = [](ssh_session, ssh_channel, const char* command, void* user) {
    std::string_view line{command};
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    const auto end = std::min(line.find(' '), line.size());
    const auto rest = std::min(line.find_first_not_of(' ', end), line.size());
    return self(user).on_request(std::string{line.substr(0, end)}, line.substr(rest), {});
  };
  callbacks_.channel_shell_request_function = [](ssh_session, ssh_channel, void* user) {
    return self(user).on_request(
        {}, {}, {errc::unsupported, "there is no shell here: name a service, as in: ssh -s HOST SERVICE"});
  };
}

int ssh_stream::on_environment(std::string_view name, std::string_view value) {
  constexpr int taken = 0, refused = 1;
  if (!asking_) return refused;
  // What a terminal's client sends by itself says nothing to a service.
  if (name == "LANG" || name.starts_with("LC_") || name == "TERM" || name == "COLORTERM") return taken;
  asking_->size += name.size() + value.size() + 2;  // with "=" and, in an open record, ";"
  if (asking_->size > owner_.max_open_record()) return refused;
  asking_->headers.push_back(std::string{name} + '=' + std::string{value});
  return taken;
}

int ssh_stream::on_request(std::string service, std::string_view arguments, const error& wrong) {
  constexpr int taken = 0, refused = 1;
  if (!asking_) return refused;
  if (!arguments.empty()) on_environment("args", arguments);
  const auto asked = std::move(asking_);
  owner_.begin(
      *this, std::move(service), std::move(asked->headers),
      asked->size > owner_.max_open_record()
          ? error{errc::resource_exhausted, "variables and arguments of " + std::to_string(asked->size) +
                                                " bytes are over the limit of " +
                                                std::to_string(owner_.max_open_record()) + " (option max_open_record)"}
          : wrong);
  return taken;  // a refusal is told on stderr, where it can say why
}

std::size_t ssh_stream::on_data(const char* data, std::size_t size, bool is_error) {
  confirmed_ = true;
  if (released_) return size;
  if (size > libssh_hoard) {
    overrun_ = size;  // ended after this callback: within a write it would free what is being written
    owner_.touch(*this);
    return size;
  }
  if (!has_room()) {
    (is_error ? stalled_errors_ : stalled_) = true;
    return 0;
  }
  (is_error ? errors_ : data_).append(data, size);
  owner_.touch(*this);
  return size;
}

void ssh_stream::on_exit_signal(std::string_view name, std::string_view text) {
  confirmed_ = true;
  news_ = true;
  if (name == accept_signal) {
    accepted_ = true;
    owner_.answered(*this, text);
  } else if (name == trailers_signal && !trailers_) {
    if (auto list = decode_list(text))
      trailers_ = std::move(*list);
    else
      trailers_ = std::vector<std::string>{"status=" + std::to_string(static_cast<int>(errc::malformed)),
                                           "reason=malformed trailers"};
  }
  owner_.touch(*this);
}

void ssh_stream::fail(error why) {
  if (failure_) return;
  failure_ = std::move(why);
  closed_ = send_close_ = news_ = true;
  discard();
  owner_.touch(*this);
  owner_.changed(*this);
}

// All that libssh holds or nothing: with any read it grants a whole window again, whatever it still has, so taking a
// part at a time would let its buffer grow without bound.
bool ssh_stream::take_from_libssh(bool is_error) {
  static thread_local char chunk[256 << 10];
  bool any = false;
  for (;;) {
    const int n = ssh_channel_read_nonblocking(ch_, chunk, sizeof chunk, is_error ? 1 : 0);
    if (n <= 0) return any;
    (is_error ? errors_ : data_).append(chunk, static_cast<std::size_t>(n));
    any = true;
    if (static_cast<std::size_t>(n) < sizeof chunk) return any;
  }
}

bool ssh_stream::pull() { return has_room() && pull_all(); }

bool ssh_stream::pull_all() {
  if (ch_ == nullptr) return false;
  bool any = false;
  if (std::exchange(stalled_errors_, false)) any |= take_from_libssh(true);
  if (std::exchange(stalled_, false)) any |= take_from_libssh(false);
  return any;
}

void ssh_stream::send_last_word() {
  const auto& list = *last_word_;
  if (const auto status = find_value(list, "status")) {
    std::uint32_t number = 0;
    if (std::from_chars(status->data(), status->data() + status->size(), number).ec == std::errc{})
      ssh_channel_request_send_exit_status(ch_, static_cast<int>(number));
  }
  ssh_channel_request_send_exit_signal(ch_, trailers_signal, 0, encode_list(list).c_str(), "");
}

// Every session channel ends with one, or ssh takes its command for killed.
void ssh_stream::send_exit_status() {
  constexpr std::uint32_t not_reached = 255, highest = 254;
  meta said;
  if (last_word_) said.trailers = *last_word_;
  const auto status = refused_ ? not_reached : std::min(said.status(), highest);
  ssh_channel_request_send_exit_status(ch_, static_cast<int>(status));
}

std::size_t ssh_stream::send_data(std::size_t quota) {
  const std::size_t window = ssh_channel_window_size(ch_);
  if (window == 0) return 0;
  const auto& front = queue_[head_];
  const char* data = front.data.data() + offset_;
  std::size_t size = front.data.size() - offset_;
  if (size < packet && head_ + 1 < queue_.size()) {  // several small batches: fill one packet
    static thread_local char scratch[packet];
    std::size_t filled = 0, from = offset_;
    for (auto i = head_; i < queue_.size() && queue_[i].is_error == front.is_error && filled < packet; ++i) {
      const auto n = std::min(queue_[i].data.size() - from, packet - filled);
      std::memcpy(scratch + filled, queue_[i].data.data() + from, n);
      filled += n;
      from = 0;
    }
    data = scratch;
    size = filled;
  }
  const auto n = static_cast<std::uint32_t>(std::min({size, window, packet, quota}));
  const int sent = front.is_error ? ssh_channel_write_stderr(ch_, data, n) : ssh_channel_write(ch_, data, n);
  if (sent <= 0) return 0;
  drop_sent(static_cast<std::size_t>(sent));
  return static_cast<std::size_t>(sent);
}

// `together` frames of the queue, and no less than a quarter of it.
std::size_t ssh_stream::piece() const {
  constexpr std::size_t most_pieces = 4;
  if (queued_ >= most_pieces * packet) return queued_;  // its packets leave one by one anyway
  std::size_t count = 0;
  for (auto i = head_; i < queue_.size(); ++i) count += queue_[i].frames;
  if (count < 2 * together) return queued_;
  return queued_ * together / std::min(count, most_pieces * together);
}

void ssh_stream::send_accept() {
  if (ch_ == nullptr || close_sent_) return;
  if (std::exchange(send_accept_, false) && speaks_ == dialect::native)
    ssh_channel_request_send_exit_signal(ch_, accept_signal, 0, owner_.answer_of(*this).c_str(), "");
}

void ssh_stream::send_accept_of_parent() {
  if (parent_ != nullptr) static_cast<ssh_stream*>(parent_)->send_accept();
}

ssh_stream::progress ssh_stream::send(std::size_t& quota) {
  if (ch_ == nullptr || !(confirmed_ || accepted_) || close_sent_) return progress::idle;
  const kernel_random padding;
  send_accept();
  if (queued_ != 0 && gone_) discard();
  if (queued_ != 0) {
    const auto n = send_data(quota);
    quota -= std::min(n, quota);
    if (ask_drained_ && queued_ <= low_water_) {
      ask_drained_ = false;
      tell();
    }
    if (n == 0) return progress::no_window;
    if (queued_ != 0) return progress::more;
  } else if (std::exchange(ask_drained_, false)) {
    tell();
  }
  if ((last_word_ || (send_close_ && speaks_ == dialect::command)) && !std::exchange(word_sent_, true) && !gone_) {
    if (speaks_ == dialect::command)
      send_exit_status();
    else
      send_last_word();
  }
  if (send_eof_ && !std::exchange(eof_sent_, true) && !gone_) ssh_channel_send_eof(ch_);
  return send_close_ && !has_children() ? progress::to_close : progress::idle;
}

bool ssh_stream::send_close(ssh_session of) {
  const kernel_random padding;
  ssh_channel_close(ch_);
  // If libssh could not get rid of the EOF that goes first, the CLOSE has not been sent: it has to be asked again.
  return close_sent_ = (ssh_get_status(of) & SSH_WRITE_PENDING) == 0;
}

}  // namespace duplex::transport
