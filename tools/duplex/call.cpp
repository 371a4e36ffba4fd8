// SPDX-License-Identifier: BSD-2-Clause
#include "tools/duplex/commands.hpp"
#include "tools/duplex/interrupt.hpp"
#include "tools/duplex/json_lines.hpp"
#include "tools/duplex/method.hpp"
#include "tools/duplex/rpc_session.hpp"
#include "tools/duplex/transfer.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>

namespace duplex::tools {
namespace {

using rpc::detail::call_ptr;
using rpc::detail::signature;

// Whatever comes back is taken as a stream: a result is one of a single object.
const signature& signature_for(const method_found& method) {
  using ops = rpc::detail::compiled<>;
  constexpr const auto* arguments = &rpc::ops_of<json_arguments>();
  static constexpr auto objects = &rpc::detail::items_of<ops, json_value>;
  static const signature plain{arguments, nullptr, nullptr, &objects(), false, false};
  static const signature streams_in{arguments, nullptr, &objects(), &objects(), false, false};
  static const signature bytes{arguments, nullptr, nullptr, nullptr, false, true};
  return method.becomes_bytes ? bytes : method.streams_in ? streams_in : plain;
}

result<json_arguments> parse_arguments(const std::vector<std::string>& words) {
  json_arguments made;
  for (const auto& word : words) try {
      made.list.emplace_back(json_value{rpc::word_as_json(word)});
    } catch (const rpc::codec_error& wrong) {
      return {errc::invalid_argument, "argument " + std::to_string(made.list.size() + 1) + ": " + wrong.what()};
    }
  return made;
}

/// What an interrupt does holds parts of the call, which must not outlive the runtime.
struct forget_at_end {
  interrupt& of;
  ~forget_at_end() { of.then(nullptr); }
};

bool is_function(const std::string& parameter) { return parameter.starts_with("fn("); }

/// One call, from its start to what it prints last.
class remote_call {
 public:
  remote_call(const call_arguments& given, const session& with, interrupt& stop)
      : given_(given),
        stop_(stop),
        max_frame_(with.max_frame),
        route_(with.self.method<void()>(given.method, with.remote, by_json).at()->where()) {}

  /// The exit status. Throws `failure`.
  int run(const method_found& method, json_arguments arguments, const rpc::call_options& how) {
    std::optional<json_input> objects;
    if (method.streams_in || given_.input) objects.emplace();
    const auto printed = add_functions(method, arguments);
    auto in = objects ? objects->take() : nullptr;
    auto as = method;
    as.streams_in = in != nullptr;
    call_ = route_->start(signature_for(as), &arguments, std::move(in), how);
    arguments.list.clear();  // the functions are the other side's now
    const forget_at_end when_done{stop_};
    const auto interrupted = std::make_shared<std::atomic<bool>>(false);
    stop_.then([interrupted, printed, call = call_] {
      *interrupted = true;
      printed->close();
      rpc::detail::drop(call);
    });
    printed->start(out_, [call = call_] { rpc::detail::drop(call); });
    try {
      const int status = method.becomes_bytes ? transfer_bytes() : print_results(method.gives_nothing);
      if (status != 0) printed->close();
      printed->finish();
      if (*interrupted) throw rpc::failure{rpc::code::cancelled, "interrupted"};
      return out_.is_open() ? status : transport_failure;
    } catch (const rpc::failure& why) {
      printed->close();
      printed->finish();
      if (*interrupted) throw rpc::failure{rpc::code::cancelled, "interrupted"};
      throw;
    }
  }

 private:
  // Where the method takes functions and no argument was given for them: those that print how they are called.
  static std::shared_ptr<printed_calls> add_functions(const method_found& method, json_arguments& arguments) {
    auto printed = std::make_shared<printed_calls>();
    const auto& all = method.parameters;
    const auto functions = static_cast<std::size_t>(std::count_if(all.begin(), all.end(), is_function));
    if (arguments.list.size() + functions != all.size()) return printed;
    for (std::size_t i = 0; i < all.size(); ++i)
      if (is_function(all[i]))
        arguments.list.insert(arguments.list.begin() + static_cast<std::ptrdiff_t>(i), printed->function());
    return printed;
  }

  int print_results(bool nothing) {
    rpc::stream<json_value> results{rpc::detail::results(call_)};
    while (const auto object = results.get())
      if (!nothing && !out_.put(*object)) break;
    return out_.is_open() ? 0 : transport_failure;
  }

  int transfer_bytes() {
    rpc::call<channel> becoming{call_};
    auto ch = becoming.get();
    stop_.then(nullptr);
    const auto last = transfer{std::move(ch), false, max_frame_}.run();
    if (!last)
      return last.error().context().empty() ? transport_failure : fail(given_.peer, last.error(), transport_failure);
    return status_of(*last);
  }

  const call_arguments& given_;
  interrupt& stop_;
  const std::uint64_t max_frame_;
  const rpc::detail::route_ptr route_;
  json_output out_;
  call_ptr call_;
};

}  // namespace

int call(const call_arguments& given) {
  const auto deadline = parse_deadline(given.deadline);
  if (!deadline) return fail(given.peer, deadline.error(), usage);
  auto arguments = parse_arguments(given.arguments);
  if (!arguments) return fail(given.peer, arguments.error(), usage);
  interrupt stop;
  return with_session(given.peer, given.endpoint, given.to, [&](const session& with) {
    const rpc::call_options how{.deadline = *deadline, .headers = &given.headers};
    const auto method = find_method(with, given.method, {.deadline = *deadline});
    try {
      return remote_call{given, with, stop}.run(method, std::move(*arguments), how);
    } catch (const rpc::failure& why) {
      if (why.code() != rpc::code::unimplemented || method.others.empty()) throw;
      throw rpc::failure{why.code(), why.status().message() + "; " + method.others};
    }
  });
}

}  // namespace duplex::tools
