# SPDX-License-Identifier: BSD-2-Clause
# What find_package(duplex) reads: the targets duplex::duplex and duplex::rpc, after those they need. CAF comes without a
# package of its own, so FindCAF.cmake is installed beside this file. What rpc has of nlohmann's is compiled in.
include(CMakeFindDependencyMacro)
list(APPEND CMAKE_MODULE_PATH "${CMAKE_CURRENT_LIST_DIR}")
find_dependency(Threads)
find_dependency(CAF 0.17.6)
find_dependency(Boost 1.81 CONFIG)
find_dependency(libssh 0.10 CONFIG)
find_dependency(OpenSSL 3.0 COMPONENTS Crypto)
list(POP_BACK CMAKE_MODULE_PATH)
include("${CMAKE_CURRENT_LIST_DIR}/duplexTargets.cmake")
