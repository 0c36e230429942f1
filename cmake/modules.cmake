# Implementations. A new one is a new file in impls/cpu, impls/cuda or impls/peers: the globs see it.
# One shared library for each kind of device (lib/rnnbench/cpu.so, cuda.so), opened at run time by
# the workers that need it; shared, so that the linker keeps objects that only register themselves.
set(RNNBENCH_MODULE_DIR ${PROJECT_BINARY_DIR}/lib/rnnbench)

function(rnnbench_module name)
  add_library(rnnbench_${name} MODULE ${ARGN})
  set_target_properties(rnnbench_${name} PROPERTIES
    PREFIX "" OUTPUT_NAME ${name} LIBRARY_OUTPUT_DIRECTORY ${RNNBENCH_MODULE_DIR}
    BUILD_RPATH_USE_ORIGIN ON INSTALL_RPATH "$ORIGIN/..")
  target_link_libraries(rnnbench_${name} PRIVATE rnnbench_core rnnbench_flags)
endfunction()

file(GLOB cpu_sources CONFIGURE_DEPENDS impls/cpu/*.cpp impls/cpu/simd/*.cpp)
file(GLOB cpu_peers CONFIGURE_DEPENDS impls/peers/*.cpp)
if(NOT dnnl_FOUND)
  list(FILTER cpu_peers EXCLUDE REGEX "/onednn[^/]*$")
endif()
rnnbench_module(cpu ${cpu_sources} ${cpu_peers})
target_include_directories(rnnbench_cpu PRIVATE ${OpenBLAS_INCLUDE_DIRS})
target_link_libraries(rnnbench_cpu PRIVATE ${OpenBLAS_LIBRARIES} hwy::hwy fmt::fmt Threads::Threads)
# Kinds of vectors between which nothing is gained; and sums stay in registers only where everything is inlined.
set_source_files_properties(impls/cpu/simd/simd.cpp PROPERTIES
  COMPILE_DEFINITIONS "HWY_DISABLED_TARGETS=(HWY_SSE4|HWY_AVX3_DL)" COMPILE_OPTIONS -O3)
if(dnnl_FOUND)
  target_link_libraries(rnnbench_cpu PRIVATE DNNL::dnnl)
  target_compile_definitions(rnnbench_cpu PRIVATE RNNBENCH_HAS_ONEDNN)
endif()

if(RNNBENCH_WITH_CUDA)
  file(GLOB cuda_sources CONFIGURE_DEPENDS impls/cuda/*.cu impls/cuda/*.cpp impls/cuda/*/*.cu impls/cuda/*/*.cpp impls/peers/*.cu)
  # cuDNN is a peer, not needed; its header decides here, its library when it is first used.
  find_path(CUDNN_INCLUDE_DIR cudnn.h HINTS ${CUDAToolkit_INCLUDE_DIRS} PATH_SUFFIXES include)
  if(NOT CUDNN_INCLUDE_DIR)
    message(STATUS "cuDNN not found: cuda:cudnn-* are left out (cudnn.h, or CUDNN_INCLUDE_DIR)")
    list(FILTER cuda_sources EXCLUDE REGEX "/cudnn[^/]*$")
  endif()
  # So with CUPTI, which reads counters; older toolkits' has no range profiler.
  find_path(CUPTI_INCLUDE_DIR cupti_range_profiler.h HINTS ${CUDAToolkit_INCLUDE_DIRS}
    PATH_SUFFIXES include extras/CUPTI/include ../extras/CUPTI/include)
  if(CUPTI_INCLUDE_DIR)
    list(FILTER cuda_sources EXCLUDE REGEX "/no_cupti[^/]*$")
  else()
    message(STATUS "CUPTI not found: no counters on GPUs (cupti_range_profiler.h, or CUPTI_INCLUDE_DIR)")
    list(FILTER cuda_sources EXCLUDE REGEX "/cuda/cupti/")
  endif()
  rnnbench_module(cuda ${cuda_sources})
  if(RNNBENCH_JITTER)
    target_compile_definitions(rnnbench_cuda PRIVATE RNNBENCH_JITTER=1)
  endif()
  if(CUPTI_INCLUDE_DIR)
    target_include_directories(rnnbench_cuda PRIVATE ${CUPTI_INCLUDE_DIR})
  endif()
  if(CUDNN_INCLUDE_DIR)
    target_include_directories(rnnbench_cuda PRIVATE ${CUDNN_INCLUDE_DIR})
  endif()
  # Registers, shared memory and spills of every kernel: build/kernel_resources.json.
  find_package(Python3 COMPONENTS Interpreter)
  if(Python3_FOUND)
    set_target_properties(rnnbench_cuda PROPERTIES
      CUDA_COMPILER_LAUNCHER ${PROJECT_SOURCE_DIR}/cmake/keep_ptxas_report.sh)
    target_compile_options(rnnbench_cuda PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:-Xptxas=-v>)
    add_custom_command(TARGET rnnbench_cuda POST_BUILD
      COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/scripts/kernel_resources.py
              ${PROJECT_BINARY_DIR}/CMakeFiles/rnnbench_cuda.dir
              ${PROJECT_BINARY_DIR}/kernel_resources.json
      COMMENT "Reading what ptxas says of each kernel" VERBATIM)
  endif()
  # cuBLAS is opened when first used: its folder is on the run path, the library is not linked.
  target_link_libraries(rnnbench_cuda PRIVATE CUDA::cudart_static fmt::fmt ${CMAKE_DL_LIBS})
  set_target_properties(rnnbench_cuda PROPERTIES CUDA_RUNTIME_LIBRARY Static
    BUILD_RPATH "${CUDAToolkit_LIBRARY_DIR}" INSTALL_RPATH "$ORIGIN/..;${CUDAToolkit_LIBRARY_DIR}")
endif()
