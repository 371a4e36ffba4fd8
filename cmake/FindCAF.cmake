# SPDX-License-Identifier: BSD-2-Clause
# The C++ Actor Framework's core library, which Debian ships without a CMake package or a .pc file.
# Target: CAF::core. Hint: CAF_ROOT. A static library there is preferred: tests/sanitizers/tsan_caf.sh builds one.
# Nothing is cached, so that a CAF_ROOT that fills up later is noticed by the next configure.

find_path(CAF_INCLUDE_DIR caf/all.hpp NO_CACHE)
find_library(CAF_CORE_LIBRARY NAMES caf_core_static caf_core NO_CACHE)

if(CAF_INCLUDE_DIR)
  # "#define CAF_VERSION 1706" is 0.17.6
  file(STRINGS "${CAF_INCLUDE_DIR}/caf/config.hpp" CAF_VERSION REGEX "#define CAF_VERSION [0-9]+")
  string(REGEX MATCH "[0-9]+" CAF_VERSION "${CAF_VERSION}")
  math(EXPR caf_major "${CAF_VERSION} / 10000")
  math(EXPR caf_minor "${CAF_VERSION} / 100 % 100")
  math(EXPR caf_patch "${CAF_VERSION} % 100")
  set(CAF_VERSION "${caf_major}.${caf_minor}.${caf_patch}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(CAF REQUIRED_VARS CAF_CORE_LIBRARY CAF_INCLUDE_DIR VERSION_VAR CAF_VERSION)

if(CAF_FOUND AND NOT TARGET CAF::core)
  find_package(Threads REQUIRED)
  add_library(CAF::core UNKNOWN IMPORTED)
  set_target_properties(CAF::core PROPERTIES
    IMPORTED_LOCATION "${CAF_CORE_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${CAF_INCLUDE_DIR}"
    INTERFACE_LINK_LIBRARIES Threads::Threads)
endif()
