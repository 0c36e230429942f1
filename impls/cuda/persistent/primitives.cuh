// What the persistent kernels ask of the hardware, an instruction or so each; clusters and barriers
// in memory need CC 9.0. The CPU tests have a file of their own in its place
// (tests/emulator/cuda).
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "impls/common/bulk_copy.cuh"
#include "impls/common/jitter.cuh"

namespace rnnbench::persistent {

/// Declare what lies in the block's shared memory: `name` as all that a launch asked for, and as
/// one T. Functions would do, but code came out otherwise, with a register spilled.
#define RNNBENCH_DYNAMIC_SHARED(name) extern __shared__ __align__(16) float name[]
#define RNNBENCH_DYNAMIC_SHARED_WORDS(name) extern __shared__ uint4 name[]
#define RNNBENCH_SHARED(T, name) __shared__ T name

__device__ __forceinline__ int cluster_blocks() {
  int blocks;
  asm volatile("mov.u32 %0, %%cluster_nctarank;" : "=r"(blocks));
  return blocks;
}
__device__ __forceinline__ std::uint64_t nanoseconds() {
  std::uint64_t now;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  return now;
}

/// threadIdx.x read again each time: what follows from it is worked out anew in each step instead
/// of holding registers.
__device__ __forceinline__ int thread_anew() {
  int thread;
  asm volatile("mov.u32 %0, %%tid.x;" : "=r"(thread));
  return thread;
}

__device__ __forceinline__ unsigned clock_now() {
  unsigned now;
  asm volatile("mov.u32 %0, %%clock;" : "=r"(now));
  return now;
}

/// Until the phase of that parity has ended. What other blocks of the cluster wrote before they
/// ended it is seen after.
__device__ __forceinline__ bool phase_ended(std::uint64_t* barrier, int parity) {
  jitter();
  int done;
  asm volatile(
      "{\n.reg .pred p;\n"
      "mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 p, [%1], %2;\n"
      "selp.s32 %0, 1, 0, p;\n}"
      : "=r"(done)
      : "r"(shared_address(barrier)), "r"(parity)
      : "memory");
  return done;
}
/// Where an address of this block's shared memory lies in that of block `rank`.
__device__ __forceinline__ std::uint32_t in_block(std::uint32_t address, int rank) {
  std::uint32_t remote;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(remote) : "r"(address), "r"(rank));
  return remote;
}

/// 16 bytes to shared memory of the cluster, counted by `barrier` of the same block.
__device__ __forceinline__ void store_async(std::uint32_t to, uint4 value, std::uint32_t barrier) {
  jitter();
  asm volatile(
      "st.async.shared::cluster.mbarrier::complete_tx::bytes.v4.b32 [%0], {%1, %2, %3, %4}, "
      "[%5];" ::"r"(to),
      "r"(value.x), "r"(value.y), "r"(value.z), "r"(value.w), "r"(barrier)
      : "memory");
}

/// Registers that each thread of four neighbouring warps has from here on: fewer, or, when others
/// have left as many, more.
template <int count>
__device__ __forceinline__ void have_fewer_registers() {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(count));
#endif
}
template <int count>
__device__ __forceinline__ void have_more_registers() {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(count));
#endif
}

/// Meeting point `id` of `threads` threads of the block, some of which may only pass by (`arrive`).
__device__ __forceinline__ void meet(int id, int threads) {
  jitter();
  asm volatile("barrier.cta.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}
__device__ __forceinline__ void arrive(int id, int threads) {
  jitter();
  asm volatile("barrier.cta.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
}
// Shared memory by its address in 32 bits, in a register: from a pointer, code made it anew where
// registers were few. Barriers order these; other accesses by pointers they do not.
__device__ __forceinline__ float load_shared(std::uint32_t from) {
  float value;
  asm volatile("ld.shared.f32 %0, [%1];" : "=f"(value) : "r"(from));
  return value;
}
__device__ __forceinline__ float4 load_shared_four(std::uint32_t from) {
  float4 v;
  asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];"
               : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w)
               : "r"(from));
  return v;
}
__device__ __forceinline__ std::int64_t load_stride(std::uint32_t from) {
  std::int64_t value;
  asm volatile("ld.shared.b64 %0, [%1];" : "=l"(value) : "r"(from));
  return value;
}
__device__ __forceinline__ void store_shared(std::uint32_t to, float value) {
  asm volatile("st.shared.f32 [%0], %1;" ::"r"(to), "f"(value) : "memory");
}

__device__ __forceinline__ void fetch_to_l2(const float* from) {
  asm volatile("prefetch.global.L2 [%0];" ::"l"(from));
}

/// One access of 16 bytes at the L2.
__device__ __forceinline__ uint4 load_word(const void* from) {
  jitter();
  uint4 word;
  asm volatile(
      "{ .reg .b64 low, high; .reg .b128 t; ld.relaxed.gpu.global.b128 t, [%4];"
      " mov.b128 {low, high}, t; mov.b64 {%0, %1}, low; mov.b64 {%2, %3}, high; }"
      : "=r"(word.x), "=r"(word.y), "=r"(word.z), "=r"(word.w)
      : "l"(from));
  return word;
}
/// Zeros where not `wanted`: nothing that was there before is waited for.
__device__ __forceinline__ uint4 load_word_where(const void* from, bool wanted) {
  jitter();
  uint4 word;
  asm volatile(
      "{ .reg .pred p; .reg .b64 low, high; .reg .b128 t; setp.ne.u32 p, %5, 0; mov.b64 low, 0;"
      " mov.b128 t, {low, low}; @p ld.relaxed.gpu.global.b128 t, [%4]; mov.b128 {low, high}, t;"
      " mov.b64 {%0, %1}, low; mov.b64 {%2, %3}, high; }"
      : "=r"(word.x), "=r"(word.y), "=r"(word.z), "=r"(word.w)
      : "l"(from), "r"(unsigned(wanted)));
  return word;
}
/// Leaves `word` alone where not `wanted`.
__device__ __forceinline__ void load_word_in_turn(uint4& word, const void* from, bool wanted) {
  jitter();
  std::uint64_t low = word.x | std::uint64_t{word.y} << 32;
  std::uint64_t high = word.z | std::uint64_t{word.w} << 32;
  asm volatile(
      "{ .reg .pred p; .reg .b128 t; setp.ne.u32 p, %3, 0; mov.b128 t, {%0, %1};"
      " @p ld.relaxed.gpu.global.b128 t, [%2]; mov.b128 {%0, %1}, t; }"
      : "+l"(low), "+l"(high)
      : "l"(from), "r"(unsigned(wanted)));
  word.x = unsigned(low), word.y = unsigned(low >> 32);
  word.z = unsigned(high), word.w = unsigned(high >> 32);
}
__device__ __forceinline__ void store_word(void* to, uint4 word) {
  jitter();
  asm volatile(
      "{ .reg .b128 t; mov.b128 t, {%1, %2}; st.relaxed.gpu.global.b128 [%0], t; }" ::"l"(to),
      "l"(word.x | std::uint64_t{word.y} << 32), "l"(word.z | std::uint64_t{word.w} << 32)
      : "memory");
}

/// Words of 4 bytes, each by itself one access at the L2. Aligned to all of them.
template <int count>
struct alignas(4 * count) Words {
  unsigned word[count];
};
/// Zeros where not `wanted`.
__device__ __forceinline__ void load_words_where(Words<2>& words, const void* from, bool wanted) {
  jitter();
  asm volatile(
      "{ .reg .pred p; setp.ne.u32 p, %3, 0; mov.b32 %0, 0; mov.b32 %1, 0;"
      " @p ld.relaxed.gpu.global.v2.b32 {%0, %1}, [%2]; }"
      : "=&r"(words.word[0]), "=&r"(words.word[1])
      : "l"(from), "r"(unsigned(wanted)));
}
__device__ __forceinline__ void load_words_where(Words<4>& words, const void* from, bool wanted) {
  jitter();
  asm volatile(
      "{ .reg .pred p; setp.ne.u32 p, %5, 0;"
      " mov.b32 %0, 0; mov.b32 %1, 0; mov.b32 %2, 0; mov.b32 %3, 0;"
      " @p ld.relaxed.gpu.global.v4.b32 {%0, %1, %2, %3}, [%4]; }"
      : "=&r"(words.word[0]), "=&r"(words.word[1]), "=&r"(words.word[2]), "=&r"(words.word[3])
      : "l"(from), "r"(unsigned(wanted)));
}
/// The same value, of which the compiler does not know that: what is made of it is made there, in
/// each step, and takes no registers between.
__device__ __forceinline__ uint4 anew(uint4 value) {
  asm volatile("" : "+r"(value.x), "+r"(value.y), "+r"(value.z), "+r"(value.w));
  return value;
}
/// Weights that this thread has written, before a barrier of its warp at least, and reads once in
/// each step: not kept in the first cache, nor in registers for being always the same.
__device__ __forceinline__ uint4 load_weights(const uint4* from) {
  uint4 piece;
  asm volatile("ld.global.L1::no_allocate.v4.b32 {%0, %1, %2, %3}, [%4];"
               : "=r"(piece.x), "=r"(piece.y), "=r"(piece.z), "=r"(piece.w)
               : "l"(from));
  return piece;
}
__device__ __forceinline__ void store_short_word(void* to, unsigned word) {
  jitter();
  asm volatile("st.relaxed.gpu.global.b32 [%0], %1;" ::"l"(to), "r"(word) : "memory");
}

}  // namespace rnnbench::persistent
