// In place of the file of that name.
#pragma once

#include "impls/common/bulk_copy.cuh"
#include "impls/common/jitter.cuh"

namespace rnnbench::persistent {

using emulator::arrive;
using emulator::cluster_blocks;
using emulator::in_block;
using emulator::meet;
using emulator::nanoseconds;
using emulator::phase_ended;

inline int thread_anew() { return int(threadIdx.x); }
inline unsigned clock_now() { return unsigned(nanoseconds()); }

#define RNNBENCH_DYNAMIC_SHARED(name) \
  float* const name = static_cast<float*>(emulator::dynamic_shared())
#define RNNBENCH_DYNAMIC_SHARED_WORDS(name) \
  uint4* const name = static_cast<uint4*>(emulator::dynamic_shared())
#define RNNBENCH_SHARED(T, name) T& name = emulator::static_shared<T>()

inline void store_async(std::uint32_t to, uint4 value, std::uint32_t barrier) {
  emulator::store_async(to, &value, barrier);
}

template <class T>
T& at_shared(std::uint32_t address) {
  return *static_cast<T*>(emulator::shared_place(address, sizeof(T)));
}
inline float load_shared(std::uint32_t from) { return at_shared<float>(from); }
inline float4 load_shared_four(std::uint32_t from) { return at_shared<float4>(from); }
inline std::int64_t load_stride(std::uint32_t from) { return at_shared<std::int64_t>(from); }
template <int>
void have_fewer_registers() {}
template <int>
void have_more_registers() {}
inline void store_shared(std::uint32_t to, float value) { at_shared<float>(to) = value; }
inline void fetch_to_l2(const float* from) {
  static_cast<void>(*static_cast<const volatile float*>(from));  // there must be such an address
}

inline uint4 load_word(const void* from) {
  return std::bit_cast<uint4>(emulator::load_relaxed(from));
}
inline uint4 load_word_where(const void* from, bool wanted) {
  return wanted ? load_word(from) : uint4{};
}
inline void load_word_in_turn(uint4& word, const void* from, bool wanted) {
  if (wanted) word = load_word(from);
}
inline void store_word(void* to, uint4 word) {
  emulator::store_relaxed(to, std::bit_cast<emulator::Word>(word));
}
template <int count>
struct alignas(4 * count) Words {
  unsigned word[count];
};
template <int count>
void load_words_where(Words<count>& words, const void* from, bool wanted) {
  for (int i = 0; i < count; ++i)
    words.word[i] =
        wanted ? emulator::load_relaxed_short(static_cast<const std::uint32_t*>(from) + i) : 0;
}
inline uint4 anew(uint4 value) { return value; }
inline uint4 load_weights(const uint4* from) { return *from; }
inline void store_short_word(void* to, unsigned word) { emulator::store_relaxed_short(to, word); }

}  // namespace rnnbench::persistent
