# SPDX-License-Identifier: BSD-2-Clause
# cmake --install: archives, headers, and the package that find_package(duplex) finds.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set_target_properties(duplex_duplex PROPERTIES EXPORT_NAME duplex)
install(TARGETS ${duplex_targets} EXPORT duplex
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(DIRECTORY include/duplex DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")

set(package "${CMAKE_INSTALL_LIBDIR}/cmake/duplex")
install(EXPORT duplex NAMESPACE duplex:: FILE duplexTargets.cmake DESTINATION "${package}")
# Before 1.0 each minor version may change the interface.
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/duplexConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES cmake/duplexConfig.cmake cmake/FindCAF.cmake "${CMAKE_CURRENT_BINARY_DIR}/duplexConfigVersion.cmake"
  DESTINATION "${package}")
