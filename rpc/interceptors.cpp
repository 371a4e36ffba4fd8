// SPDX-License-Identifier: BSD-2-Clause
#include "rpc/interceptors.hpp"

#include <duplex/log.hpp>

#include <atomic>
#include <utility>

namespace duplex::rpc {
namespace {

class logger final : public interceptor {
 public:
  explicit logger(std::shared_ptr<const log_sink> to) : to_(std::move(to)) {}

  void open(call_info& of) override {
    method_ = of.method;
    from_ = of.remote != nullptr
                ? " from " + (of.remote->remote_peer.empty() ? of.remote->remote_key : of.remote->remote_peer)
                : std::string{};
  }
  void object(direction way, std::string_view encoded) override {
    (way == direction::sent ? sent_ : received_) += encoded.size();
  }
  void close(const status& with) override {
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(context::clock::now() - start_).count();
    (*to_)({with.ok() ? log_record::level::info : log_record::level::warning, "rpc",
            printable(method_ + from_ + ": " + with.text() + ", " + std::to_string(received_) + " bytes in, " +
                      std::to_string(sent_) + " out, " + std::to_string(took) + " us")});
  }

 private:
  const std::shared_ptr<const log_sink> to_;
  const context::clock::time_point start_ = context::clock::now();
  std::string method_, from_;
  std::size_t sent_ = 0, received_ = 0;
};

class deadliner final : public interceptor {
 public:
  explicit deadliner(std::chrono::milliseconds most) : most_(most) {}
  void open(call_info& of) override { of.deadline = std::min(of.deadline, context::clock::now() + most_); }

 private:
  const std::chrono::milliseconds most_;
};

class counted final : public interceptor {
 public:
  counted(std::shared_ptr<std::atomic<std::size_t>> running, std::size_t most)
      : running_(std::move(running)), most_(most) {}
  ~counted() override {
    if (in_) --*running_;
  }
  void open(call_info& of) override {
    in_ = true;
    if (running_->fetch_add(1) >= most_)
      throw failure{code::resource_exhausted,
                    of.method + ": " + std::to_string(most_) + " calls are running, the limit"};
  }

 private:
  const std::shared_ptr<std::atomic<std::size_t>> running_;
  const std::size_t most_;
  bool in_ = false;
};

}  // namespace

interceptor_factory logging(log_sink to) {
  return [to = std::make_shared<const log_sink>(std::move(to))] { return std::make_unique<logger>(to); };
}

interceptor_factory deadline_limit(std::chrono::milliseconds most) {
  return [most] { return std::make_unique<deadliner>(most); };
}

interceptor_factory concurrency_limit(std::size_t most) {
  return [most, running = std::make_shared<std::atomic<std::size_t>>(0)] {
    return std::make_unique<counted>(running, most);
  };
}

namespace detail {

interceptors::interceptors(const std::vector<interceptor_factory>& from) {
  std::vector<std::unique_ptr<interceptor>> all;
  for (const auto& make : from)
    if (auto made = make()) all.push_back(std::move(made));
  if (all.empty()) return;
  shared_ = std::make_unique<shared>();
  shared_->all = std::move(all);
}

void interceptors::open(call_info& of) {
  if (!shared_) return;
  std::lock_guard lock{shared_->mutex};
  for (const auto& one : shared_->all) one->open(of);
}

void interceptors::object(direction way, std::string_view encoded) {
  if (!shared_) return;
  std::lock_guard lock{shared_->mutex};
  for (const auto& one : shared_->all) one->object(way, encoded);
}

void interceptors::close(const status& with) noexcept {
  if (!shared_) return;
  std::unique_lock lock{shared_->mutex};
  const auto all = std::exchange(shared_->all, {});
  for (const auto& one : all) one->close(with);
  lock.unlock();
}

}  // namespace detail
}  // namespace duplex::rpc
