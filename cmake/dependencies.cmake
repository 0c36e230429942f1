# Packages. scripts/setup.sh installs what is missing here.
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(benchmark REQUIRED)
find_package(OpenBLAS REQUIRED)
find_package(hwy REQUIRED)  # Highway: vectors of whatever the machine has
find_package(ZLIB REQUIRED)  # reads packed results

# toml++ as headers only: the same on every distribution, and one library less to carry along.
find_path(TOMLPLUSPLUS_INCLUDE_DIR toml++/toml.h)
if(NOT TOMLPLUSPLUS_INCLUDE_DIR)
  message(FATAL_ERROR "toml++ was not found: install libtomlplusplus-dev, or set "
                      "TOMLPLUSPLUS_INCLUDE_DIR to the folder that holds toml++/toml.h")
endif()
add_library(tomlplusplus::tomlplusplus INTERFACE IMPORTED)
target_include_directories(tomlplusplus::tomlplusplus INTERFACE ${TOMLPLUSPLUS_INCLUDE_DIR})

# oneDNN is a peer, not needed. Not by its own package file: Debian's stops the configuration where
# the OpenCL headers, which only its GPU side uses, are not installed.
find_path(DNNL_INCLUDE_DIR oneapi/dnnl/dnnl.hpp)
find_library(DNNL_LIBRARY dnnl)
set(dnnl_FOUND OFF)
if(DNNL_INCLUDE_DIR AND DNNL_LIBRARY)
  set(dnnl_FOUND ON)
  add_library(DNNL::dnnl UNKNOWN IMPORTED)
  set_target_properties(DNNL::dnnl PROPERTIES
    IMPORTED_LOCATION ${DNNL_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${DNNL_INCLUDE_DIR})
else()
  message(STATUS "oneDNN not found: cpu:onednn is left out (libdnnl-dev on Debian and Ubuntu)")
endif()
