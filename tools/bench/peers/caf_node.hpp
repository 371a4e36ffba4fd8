// SPDX-License-Identifier: BSD-2-Clause
#pragma once
#include "tools/bench/harness.hpp"

#include <caf/all.hpp>
#include <caf/io/all.hpp>

#include <string>

namespace bench::remote {

struct sample {
  std::uint64_t id = 1;
  std::string name = "a name of some size";
  std::int32_t n = 42;
  double weight = 0.5;
};

template <class Inspector> typename Inspector::result_type inspect(Inspector& f, sample& x) {
  return f(caf::meta::type_name("sample"), x.id, x.name, x.n, x.weight);
}

}  // namespace bench::remote

CAF_BEGIN_TYPE_ID_BLOCK(bench_caf, caf::first_custom_type_id)
CAF_ADD_TYPE_ID(bench_caf, (bench::remote::sample))
CAF_ADD_ATOM(bench_caf, bench::remote, frame_atom, "frame")
CAF_ADD_ATOM(bench_caf, bench::remote, credit_atom, "credit")
CAF_ADD_ATOM(bench_caf, bench::remote, finish_atom, "finish")
CAF_ADD_ATOM(bench_caf, bench::remote, stream_atom, "stream")
CAF_END_TYPE_ID_BLOCK(bench_caf)

namespace bench::remote {

/// An actor system whose actors others reach, by TCP or TLS.
class node {
 public:
  explicit node(const settings& with);
  std::string publish(const caf::actor& which, const std::string& host);
  caf::actor remote(const std::string& address);

 private:
  struct configuration : caf::actor_system_config {
    explicit configuration(const settings& with);
  };
  const bool is_tls_;
  configuration made_of_;

 public:
  caf::actor_system system;
};

/// Two actors of one process, no network.
void run_inproc(const std::string& where, const settings& with);

}  // namespace bench::remote
