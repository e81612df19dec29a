# make install: the command, the headers and a CMake package with one target, recant::recant.
include(CMakePackageConfigHelpers)
get_property(stages GLOBAL PROPERTY RECANT_STAGES)
get_property(system_libraries GLOBAL PROPERTY RECANT_SYSTEM_LIBRARIES)

add_library(recant_all INTERFACE)
add_library(recant::recant ALIAS recant_all)
set_target_properties(recant_all PROPERTIES EXPORT_NAME recant)
list(TRANSFORM stages PREPEND recant_ OUTPUT_VARIABLE targets)
target_link_libraries(recant_all INTERFACE ${targets})

install(TARGETS recant_all ${targets} ${system_libraries} EXPORT recant
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS recant_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(EXPORT recant NAMESPACE recant:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/recant
        FILE recant-targets.cmake)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/recant-config.cmake.in recant-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/recant)
write_basic_package_version_file(recant-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/recant-config.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/recant-config-version.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/recant)
