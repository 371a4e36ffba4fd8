// SPDX-License-Identifier: BSD-2-Clause
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "tools/bench/peers/grpc_sides.hpp"

namespace bench {
namespace {

std::shared_ptr<grpc::ChannelCredentials> credentials(const settings& with) {
  if (setting(with, "security", "tls") != "tls") return grpc::InsecureChannelCredentials();
  const auto certificate = content_of("tls.crt");
  return grpc::SslCredentials({certificate, content_of("tls.key"), certificate});
}

grpc::ChannelArguments channel_arguments() {
  grpc::ChannelArguments made;
  made.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // or all channels to one address share a connection
  made.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  made.SetMaxReceiveMessageSize(-1);
  made.SetSslTargetNameOverride("127.0.0.1");  // whom the certificate names, also where host= is another address
  return made;
}

}  // namespace

std::string content_of(std::string_view name) {
  std::ifstream from(file(name), std::ios::binary);
  if (!from) fail("cannot read " + file(name));
  return {std::istreambuf_iterator<char>(from), {}};
}

void choose_cipher() {
  const auto path = file("grpc_openssl.cnf");
  std::ofstream(path) << "openssl_conf = main\n[main]\nssl_conf = ssl\n[ssl]\nsystem_default = tls\n"
                         "[tls]\nCiphersuites = TLS_AES_128_GCM_SHA256\n";
  setenv("OPENSSL_CONF", path.c_str(), 1);
}

connection dial(const std::string& address, const settings& with) {
  static const auto secured = credentials(with);
  static const auto arguments = channel_arguments();
  connection made;
  made.channel = grpc::CreateCustomChannel(address, secured, arguments);
  if (!made.channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(20)))
    fail("connect " + address + ": not ready after 20 s");
  made.stub = echo::Echo::NewStub(made.channel);
  return made;
}

grpc::CompletionQueue& client_queue() {
  static grpc::CompletionQueue queue;
  return queue;
}

}  // namespace bench
