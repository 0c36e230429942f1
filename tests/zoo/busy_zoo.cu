#include <cuda_runtime.h>

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "tests/zoo/busy_zoo.hpp"

namespace {

__device__ std::uint64_t nanoseconds() {
  std::uint64_t now;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  return now;
}

__global__ void spin(unsigned* started, std::uint64_t for_ns) {
  const std::uint64_t begin = nanoseconds();
  if (threadIdx.x == 0) atomicAdd_system(started, 1);
  while (nanoseconds() - begin < for_ns) {
  }
}

struct Neighbour {
  cudaStream_t stream = nullptr;
  unsigned* started = nullptr;  // in the host's memory
  int units = 0, shared_bytes = 0;

  cudaError_t make() {
    if (stream) return cudaSuccess;
    int device = 0;
    cudaError_t error = cudaGetDevice(&device);
    const auto ask = [&](int& value, cudaDeviceAttr what) {
      if (error == cudaSuccess) error = cudaDeviceGetAttribute(&value, what, device);
    };
    ask(units, cudaDevAttrMultiProcessorCount);
    ask(shared_bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin);
    if (error == cudaSuccess)
      error = cudaFuncSetAttribute(spin, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes);
    if (error == cudaSuccess) error = cudaHostAlloc(&started, sizeof *started, cudaHostAllocMapped);
    if (error == cudaSuccess) error = cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
    return error;
  }

  cudaError_t occupy(double share, double seconds) {
    const int blocks = std::max(1, int(share * units));  // each has an SM to itself
    *static_cast<volatile unsigned*>(started) = 0;
    spin<<<blocks, 128, shared_bytes, stream>>>(started, std::uint64_t(seconds * 1e9));
    if (const cudaError_t error = cudaGetLastError(); error != cudaSuccess) return error;
    using Clock = std::chrono::steady_clock;
    const auto give_up = Clock::now() + std::chrono::duration<double>(seconds);
    while (*static_cast<volatile unsigned*>(started) < unsigned(blocks))
      if (Clock::now() > give_up) return cudaErrorLaunchTimeout;
    return cudaSuccess;
  }
} neighbour;

}  // namespace

extern "C" int rnnbench_busy_zoo(double share, double seconds) {
  const cudaError_t error = neighbour.make();
  return error == cudaSuccess ? neighbour.occupy(share, seconds) : error;
}

extern "C" int rnnbench_busy_zoo_over() {
  const cudaError_t error = cudaStreamQuery(neighbour.stream);
  if (error == cudaErrorNotReady) (void)cudaGetLastError();  // it is remembered
  return error;
}
