// Ways of exchanging h through the L2 cache, among all blocks of a cooperative launch.
#pragma once

#include "impls/common/async_copy.cuh"
#include "impls/common/exchange.cuh"

namespace rnnbench::exchange {

/// Payload and the round that it is of. One load or store of `sizeof` bytes takes or leaves it as
/// a whole: b128 and b64 are scalar types, unlike vectors of words.
template <int n>
struct alignas(4 * n + 4) Word {
  unsigned payload[n];
  unsigned round;
};

__device__ __forceinline__ void store_word(Word<3>* to, const Word<3>& word) {
  asm volatile(
      "{\n.reg .b64 low, high;\n.reg .b128 all;\n"
      "mov.b64 low, {%1, %2};\nmov.b64 high, {%3, %4};\nmov.b128 all, {low, high};\n"
      "st.relaxed.gpu.global.b128 [%0], all;\n}" ::"l"(to),
      "r"(word.payload[0]), "r"(word.payload[1]), "r"(word.payload[2]), "r"(word.round)
      : "memory");
}
/// Loads it where it is not of that round yet: by a predicate, so that the loads of a batch
/// follow each other without branches.
__device__ __forceinline__ void load_unless(unsigned round, const Word<3>* from, Word<3>& word) {
  asm volatile(
      "{\n.reg .pred old;\n.reg .b64 low, high;\n.reg .b128 all;\n"
      "setp.ne.u32 old, %3, %5;\n"
      "mov.b64 low, {%0, %1};\nmov.b64 high, {%2, %3};\nmov.b128 all, {low, high};\n"
      "@old ld.relaxed.gpu.global.b128 all, [%4];\n"
      "mov.b128 {low, high}, all;\nmov.b64 {%0, %1}, low;\nmov.b64 {%2, %3}, high;\n}"
      : "+r"(word.payload[0]), "+r"(word.payload[1]), "+r"(word.payload[2]), "+r"(word.round)
      : "l"(from), "r"(round)
      : "memory");
}
__device__ __forceinline__ void store_word(Word<1>* to, const Word<1>& word) {
  asm volatile(
      "{\n.reg .b64 all;\nmov.b64 all, {%1, %2};\nst.relaxed.gpu.global.b64 [%0], all;\n}" ::"l"(
          to),
      "r"(word.payload[0]), "r"(word.round)
      : "memory");
}
__device__ __forceinline__ void load_unless(unsigned round, const Word<1>* from, Word<1>& word) {
  asm volatile(
      "{\n.reg .pred old;\n.reg .b64 all;\nsetp.ne.u32 old, %1, %3;\nmov.b64 all, {%0, %1};\n"
      "@old ld.relaxed.gpu.global.b64 all, [%2];\nmov.b64 {%0, %1}, all;\n}"
      : "+r"(word.payload[0]), "+r"(word.round)
      : "l"(from), "r"(round)
      : "memory");
}

/// Words that say themselves whether they have come: polled, no barrier.
template <int n>
class EpochWords {
 public:
  explicit __device__ EpochWords(const Task& task)
      : words_((task.bytes / 4 + n - 1) / n),
        own_(part_of(words_, blockIdx.x, gridDim.x)),
        buffers_(static_cast<Word<n>*>(task.words)),
        watch_(task.report) {}

  __device__ void publish(int round) {
    for (int k = own_.begin + int(threadIdx.x); k < own_.end; k += threads) {
      Word<n> word;
      for (int i = 0; i < n; ++i) word.payload[i] = value_of(round, n * k + i);
      word.round = unsigned(round);
      store_word(buffer(round) + k, word);
    }
  }

  /// A load whose round was tested has taken place, so that ready()'s barrier keeps it before
  /// what the block publishes next: nobody overwrites what is still to be read.
  __device__ bool gather(int round) {
    constexpr int batch = 8;  // loads on their way at once
    bool got = true;
    for (int k = int(threadIdx.x); k < words_ && got; k += batch * threads) {
      Word<n> word[batch] = {};
#pragma unroll
      for (int i = 0; i < batch; ++i)  // what is beyond h is there already
        word[i].round = unsigned(k + i * threads < words_ ? round - 1 : round);
      bool missing = true;
      for (int attempt = 0; missing && got; ++attempt) {
#pragma unroll
        for (int i = 0; i < batch; ++i)
          load_unless(unsigned(round), buffer(round) + k + i * threads, word[i]);
        missing = false;
#pragma unroll
        for (int i = 0; i < batch; ++i) missing |= word[i].round != unsigned(round);
        got = !(missing && watch_.over(attempt));
      }
#pragma unroll
      for (int i = 0; i < batch; ++i)
        if (k + i * threads < words_)
#pragma unroll
          for (int j = 0; j < n; ++j) shared_h()[n * (k + i * threads) + j] = word[i].payload[j];
    }
    return !__syncthreads_or(!got);
  }

  static constexpr unsigned bits = ~0u;
  __device__ const unsigned* h(int) const { return shared_h(); }
  __device__ bool ready(bool got) const {
    __syncthreads();
    return got;
  }
  __device__ void finish() const {}

 private:
  __device__ Word<n>* buffer(int round) const { return buffers_ + (round & 1) * words_; }
  int words_;
  Part own_;
  Word<n>* buffers_;
  Watch watch_;
};

/// Words of 4 bytes whose last bit says that they have come: it changes each time that a buffer is
/// used again. Four are loaded at once; each of them is taken as a whole.
class TaggedWords {
 public:
  explicit __device__ TaggedWords(const Task& task)
      : fours_(task.bytes / 16),
        own_(part_of(4 * fours_, blockIdx.x, gridDim.x)),
        buffers_(static_cast<uint4*>(task.words)),
        watch_(task.report) {}

  __device__ void publish(int round) const {
    for (int k = own_.begin + int(threadIdx.x); k < own_.end; k += threads)
      asm volatile("st.relaxed.gpu.global.b32 [%0], %1;" ::"l"(
                       reinterpret_cast<unsigned*>(buffer(round)) + k),
                   "r"((value_of(round, k) & bits) | tag_of(round))
                   : "memory");
  }

  /// As EpochWords::gather.
  __device__ bool gather(int round) const {
    constexpr int batch = 4;  // loads on their way at once
    const unsigned tag = tag_of(round);
    bool got = true;
    for (int k = int(threadIdx.x); k < fours_ && got; k += batch * threads) {
      uint4 four[batch];
#pragma unroll
      for (int i = 0; i < batch; ++i) {  // what is beyond h is there already
        const unsigned at_first = k + i * threads < fours_ ? ~tag : tag;
        four[i] = {at_first, at_first, at_first, at_first};
      }
      bool missing = true;
      for (int attempt = 0; missing && got; ++attempt) {
        unsigned different = 0;
#pragma unroll
        for (int i = 0; i < batch; ++i)
          load_where(differs(four[i], tag), buffer(round) + k + i * threads, four[i]);
#pragma unroll
        for (int i = 0; i < batch; ++i) different |= differs(four[i], tag);
        missing = different != 0;
        got = !(missing && watch_.over(attempt));
      }
#pragma unroll
      for (int i = 0; i < batch; ++i)
        if (k + i * threads < fours_)
          reinterpret_cast<uint4*>(shared_h())[k + i * threads] = four[i];
    }
    return !__syncthreads_or(!got);
  }

  static constexpr unsigned bits = ~1u;
  __device__ const unsigned* h(int) const { return shared_h(); }
  __device__ bool ready(bool got) const {
    __syncthreads();
    return got;
  }
  __device__ void finish() const {}

 private:
  static __device__ unsigned tag_of(int round) { return unsigned(round + 1) >> 1 & 1; }
  static __device__ unsigned differs(const uint4& four, unsigned tag) {
    return ((four.x ^ tag) | (four.y ^ tag) | (four.z ^ tag) | (four.w ^ tag)) & 1;
  }
  static __device__ void load_where(unsigned wanted, const uint4* from, uint4& four) {
    asm volatile(
        "{\n.reg .pred p;\nsetp.ne.u32 p, %5, 0;\n"
        "@p ld.relaxed.gpu.global.v4.b32 {%0, %1, %2, %3}, [%4];\n}"
        : "+r"(four.x), "+r"(four.y), "+r"(four.z), "+r"(four.w)
        : "l"(from), "r"(wanted)
        : "memory");
  }
  __device__ uint4* buffer(int round) const { return buffers_ + (round & 1) * fours_; }

  int fours_;
  Part own_;
  uint4* buffers_;
  Watch watch_;
};

__device__ __forceinline__ unsigned load_acquire(const unsigned* from) {
  unsigned value;
  asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(from) : "memory");
  return value;
}

/// Plain payload in pieces of 16 bytes; a barrier of some kind says when it has come.
class PlainPieces {
 public:
  explicit __device__ PlainPieces(const Task& task)
      : pieces_(task.bytes / 16),
        own_(part_of(pieces_, blockIdx.x, gridDim.x)),
        buffers_(static_cast<uint4*>(task.words)) {}

  __device__ void store_own(int round) const {
    for (int k = own_.begin + int(threadIdx.x); k < own_.end; k += threads)
      buffer(round)[k] = piece_of(round, k);
  }
  /// Past the first-level cache, which is not told of others' writes.
  __device__ void load_all(int round) const {
    for (int k = int(threadIdx.x); k < pieces_; k += threads)
      copy_async_16(shared_h() + 4 * k, buffer(round) + k, true);
    copies_commit();
    copies_wait<0>();
    __syncthreads();
  }
  static constexpr unsigned bits = ~0u;
  __device__ const unsigned* h(int) const { return shared_h(); }
  __device__ bool ready(bool got) const {
    __syncthreads();
    return got;
  }
  __device__ void finish() const {}

 private:
  __device__ uint4* buffer(int round) const { return buffers_ + (round & 1) * pieces_; }
  int pieces_;
  Part own_;
  uint4* buffers_;
};

/// A flag for each block: the last round that it has published.
class BlockFlags : public PlainPieces {
 public:
  explicit __device__ BlockFlags(const Task& task)
      : PlainPieces(task), flags_(task.flags), watch_(task.report) {}

  __device__ void publish(int round) const {
    store_own(round);
    __syncthreads();  // the release covers what the other threads wrote before it
    if (threadIdx.x == 0)
      asm volatile("st.release.gpu.global.u32 [%0], %1;" ::"l"(flags_ + blockIdx.x), "r"(round)
                   : "memory");
  }
  __device__ bool gather(int round) const {
    bool got = true;
    if (threadIdx.x < gridDim.x)  // a block may be one round ahead, and its flag with it
      for (int attempt = 0; got && load_acquire(flags_ + threadIdx.x) < unsigned(round); ++attempt)
        got = !watch_.over(attempt);
    if (__syncthreads_or(!got)) return false;
    load_all(round);
    return true;
  }

 private:
  unsigned* flags_;
  Watch watch_;
};

/// One counter that all blocks add to. (cooperative_groups' grid.sync is the same and slower:
/// calibration measures it alone.)
class GridCounter : public PlainPieces {
 public:
  explicit __device__ GridCounter(const Task& task)
      : PlainPieces(task), counter_(task.flags), watch_(task.report) {}

  __device__ void publish(int round) const {
    store_own(round);
    __syncthreads();
    if (threadIdx.x == 0)
      asm volatile("red.release.gpu.global.add.u32 [%0], 1;" ::"l"(counter_) : "memory");
  }
  __device__ bool gather(int round) const {
    bool got = true;
    if (threadIdx.x == 0)
      for (int attempt = 0; got && load_acquire(counter_) < unsigned(round) * gridDim.x; ++attempt)
        got = !watch_.over(attempt);
    if (__syncthreads_or(!got)) return false;
    load_all(round);
    return true;
  }

 private:
  unsigned* counter_;
  Watch watch_;
};

}  // namespace rnnbench::exchange
