// CUDA C++ for the emulator: the words of the language and what kernels use of its library.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
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
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
using std::max, std::min, std::fmaf, std::fmaxf;

inline std::uint32_t __float_as_uint(float value) { return std::bit_cast<std::uint32_t>(value); }
inline float __uint_as_float(std::uint32_t bits) { return std::bit_cast<float>(bits); }

inline std::uint32_t __shfl_sync(unsigned, std::uint32_t word, int from) {
  return rnnbench::emulator::shuffle(word, from);
}
inline std::uint32_t __shfl_down_sync(unsigned all, std::uint32_t word, int by) {
  const int lane = rnnbench::emulator::lane();
  return __shfl_sync(all, word, lane + by < 32 ? lane + by : lane);
}
inline float __shfl_xor_sync(unsigned all, float value, int by) {
  const int from = rnnbench::emulator::lane() ^ by;
  return __uint_as_float(__shfl_sync(all, __float_as_uint(value), from));
}
inline void __syncwarp() { rnnbench::emulator::shuffle(0, 0); }
inline bool __all_sync(unsigned all, bool value) {
  std::uint32_t others = value;
  for (int by = 16; by > 0; by /= 2)
    others &= __shfl_sync(all, others, rnnbench::emulator::lane() ^ by);
  return others != 0;
}
inline void atomicMax(std::uint32_t* at, std::uint32_t value) { *at = max(*at, value); }
inline int __shfl_sync(unsigned all, int value, int from) {
  return int(__shfl_sync(all, std::uint32_t(value), from));
}
inline float __ldcs(const float* from) { return *from; }
inline void __syncthreads() { rnnbench::emulator::meet_block(); }
inline void __threadfence_system() {}
[[noreturn]] inline void __trap() { rnnbench::emulator::fail("trap"); }
