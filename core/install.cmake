# `cmake --install`: headers, the static library, and a package for find_package(beralih).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/beralih)

set_target_properties(beralih_core PROPERTIES EXPORT_NAME core)
install(TARGETS beralih_core EXPORT beralihTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT core)
install(DIRECTORY include/beralih DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT core)
install(EXPORT beralihTargets NAMESPACE beralih:: DESTINATION ${package_dir} COMPONENT core)

configure_package_config_file(cmake/beralihConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/beralihConfig.cmake
  INSTALL_DESTINATION ${package_dir})
# Before version 1 a minor version may change the interface.
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/beralihConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(
  FILES
    ${CMAKE_CURRENT_BINARY_DIR}/beralihConfig.cmake
    ${CMAKE_CURRENT_BINARY_DIR}/beralihConfigVersion.cmake
    cmake/FindWebPDemux.cmake
  DESTINATION ${package_dir} COMPONENT core)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE ${PROJECT_SOURCE_DIR}/THIRD_PARTY_NOTICES.md
  DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT core)
