// In place of the file of that name.
#pragma once

#include "impls/common/bulk_copy.cuh"

namespace rnnbench::persistent {

using emulator::arrive;
using emulator::cluster_blocks;
using emulator::in_block;
using emulator::meet;
using emulator::nanoseconds;
using emulator::phase_ended;

inline float power_of_two(float x) { return std::exp2(x); }
inline float reciprocal(float x) { return 1 / x; }

#define RNNBENCH_DYNAMIC_SHARED(name) \
  float* const name = static_cast<float*>(emulator::dynamic_shared())
#define RNNBENCH_SHARED(T, name) T& name = emulator::static_shared<T>()

inline void store_async(std::uint32_t to, uint4 value, std::uint32_t barrier) {
  emulator::store_async(to, &value, barrier);
}

inline void load_word(uint4& word, const void* from, bool wanted) {
  if (wanted) word = std::bit_cast<uint4>(emulator::load_relaxed(from));
}
inline void store_word(void* to, uint4 word) {
  emulator::store_relaxed(to, std::bit_cast<emulator::Word>(word));
}

}  // namespace rnnbench::persistent
