// CUDA C++ for the emulator: the words of the language and what kernels use of its library.
#pragma once

#include <bit>
#include <cstdint>

#include "tests/emulator/gpu.hpp"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __noinline__  // inside an attribute of the C++ library as well
#define __launch_bounds__(...)
#define __grid_constant__
#define threadIdx rnnbench::emulator::thread_index
#define blockIdx rnnbench::emulator::block_index
#define blockDim rnnbench::emulator::block_size
#define gridDim rnnbench::emulator::grid_size

struct float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
inline float2 make_float2(float x, float y) { return {x, y}; }

inline std::uint32_t __float_as_uint(float value) { return std::bit_cast<std::uint32_t>(value); }
inline float __uint_as_float(std::uint32_t bits) { return std::bit_cast<float>(bits); }

inline float __shfl_sync(unsigned, float value, int from) {
  return __uint_as_float(rnnbench::emulator::shuffle(__float_as_uint(value), from));
}
inline float __shfl_down_sync(unsigned, float value, int by) {
  const int lane = rnnbench::emulator::lane(), from = lane + by < 32 ? lane + by : lane;
  return __uint_as_float(rnnbench::emulator::shuffle(__float_as_uint(value), from));
}
inline float __shfl_xor_sync(unsigned, float value, int by) {
  return __uint_as_float(
      rnnbench::emulator::shuffle(__float_as_uint(value), rnnbench::emulator::lane() ^ by));
}
inline int __shfl_sync(unsigned, int value, int from) {
  return int(rnnbench::emulator::shuffle(std::uint32_t(value), from));
}
inline float __ldcs(const float* from) { return *from; }
inline void __syncthreads() { rnnbench::emulator::meet_block(); }
inline void __threadfence_system() {}
[[noreturn]] inline void __trap() { rnnbench::emulator::fail("trap"); }
