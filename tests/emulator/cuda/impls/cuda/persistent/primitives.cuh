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

#define RNNBENCH_DYNAMIC_SHARED(name) \
  float* const name = static_cast<float*>(emulator::dynamic_shared())
#define RNNBENCH_SHARED(T, name) T& name = emulator::static_shared<T>()

inline void store_async(std::uint32_t to, float4 value, std::uint32_t barrier) {
  emulator::store_async(to, &value, barrier);
}

template <class T>
T& at_shared(std::uint32_t address) {
  return *static_cast<T*>(emulator::shared_place(address, sizeof(T)));
}
inline float load_shared(std::uint32_t from) { return at_shared<float>(from); }
inline float4 load_shared_four(std::uint32_t from) { return at_shared<float4>(from); }
inline std::int64_t load_stride(std::uint32_t from) { return at_shared<std::int64_t>(from); }
inline void store_shared(std::uint32_t to, float value) { at_shared<float>(to) = value; }
inline void fetch_to_l2(const float* from) {
  static_cast<void>(*static_cast<const volatile float*>(from));  // there must be such an address
}

struct TaggedPair {
  std::uint64_t first, second;
};
inline TaggedPair load_tagged(const std::uint64_t* from) {
  const std::uint64_t second = emulator::load_relaxed(from + 1);
  return {emulator::load_relaxed(from), second};
}
inline void store_tagged(std::uint64_t* to, TaggedPair pair) {
  emulator::store_relaxed(to, pair.first);
  emulator::store_relaxed(to + 1, pair.second);
}

}  // namespace rnnbench::persistent
