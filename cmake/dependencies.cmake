# Packages. scripts/setup.sh installs what is missing here.
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(benchmark REQUIRED)
find_package(OpenBLAS REQUIRED)
find_package(dnnl QUIET)  # a peer, not needed
if(NOT dnnl_FOUND)
  message(STATUS "oneDNN not found: cpu:onednn is left out (libdnnl-dev on Debian and Ubuntu)")
endif()
