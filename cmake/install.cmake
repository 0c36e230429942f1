# `cmake --install build --prefix P`: a folder that can be moved, and that runs where none of the
# -dev packages are. Layout: bin/rnnbench, lib/librnnbench.so, lib/rnnbench/<device>.so,
# share/rnnbench/scenarios, include/rnnbench and lib/cmake/rnnbench for plug-ins.
include(CMakePackageConfigHelpers)
set(rnnbench_installed rnnbench rnnbench_core rnnbench_cpu)
if(TARGET rnnbench_cuda)
  list(APPEND rnnbench_installed rnnbench_cuda)
endif()
foreach(target ${rnnbench_installed})
  # DT_RPATH instead of DT_RUNPATH: it also serves the libraries that the carried ones need.
  target_link_options(${target} PRIVATE LINKER:--disable-new-dtags)
endforeach()
set_target_properties(rnnbench_core PROPERTIES INSTALL_RPATH "$ORIGIN")

set(modules_dir ${CMAKE_INSTALL_LIBDIR}/rnnbench)
install(TARGETS rnnbench RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS rnnbench_core EXPORT rnnbench LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS rnnbench_cpu LIBRARY DESTINATION ${modules_dir})
if(TARGET rnnbench_cuda)  # left out where only the programs for the CPU were built
  install(TARGETS rnnbench_cuda LIBRARY DESTINATION ${modules_dir} OPTIONAL)
endif()
install(DIRECTORY scenarios DESTINATION ${CMAKE_INSTALL_DATADIR}/rnnbench
        FILES_MATCHING PATTERN "*.toml")

# For plug-ins.
set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/rnnbench)
install(FILES harness/cores.hpp harness/device.hpp harness/error.hpp harness/exchange.hpp harness/impl.hpp harness/metrics.hpp harness/problem.hpp
        harness/tensor.hpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/rnnbench/harness)
install(DIRECTORY impls/cells DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/rnnbench/impls
        FILES_MATCHING PATTERN "*.hpp")
install(EXPORT rnnbench NAMESPACE rnnbench:: FILE rnnbench-targets.cmake DESTINATION ${config_dir})
configure_package_config_file(cmake/rnnbench-config.cmake.in
  ${PROJECT_BINARY_DIR}/generated/rnnbench-config.cmake INSTALL_DESTINATION ${config_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/generated/rnnbench-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/generated/rnnbench-config.cmake
              ${PROJECT_BINARY_DIR}/generated/rnnbench-config-version.cmake
        DESTINATION ${config_dir})

# The shared libraries that a bare machine lacks, under the names the loader asks for. Left to the
# system: the C and C++ runtimes, the driver, and CUDA's libraries (found when they are opened).
install(CODE "
  file(GET_RUNTIME_DEPENDENCIES
    EXECUTABLES \"$<TARGET_FILE:rnnbench>\"
    LIBRARIES \"$<TARGET_FILE:rnnbench_core>\"
    MODULES \"$<TARGET_FILE:rnnbench_cpu>\"
    RESOLVED_DEPENDENCIES_VAR found
    PRE_EXCLUDE_REGEXES
      \"^ld-|^lib(c|m|mvec|dl|rt|pthread|resolv|stdc[+][+]|gcc_s)[.]\"
      \"^lib(cuda|cudart|cublas|cublasLt|nvidia-.*|rnnbench)[.]\")
  foreach(library IN LISTS found)
    file(REAL_PATH \"\${library}\" real)
    get_filename_component(name \"\${library}\" NAME)
    set(carried \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/\${name}\")
    message(STATUS \"Carrying: \${carried}\")
    file(COPY_FILE \"\${real}\" \"\${carried}\" ONLY_IF_DIFFERENT)
  endforeach()")
