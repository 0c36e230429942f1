// Products of a block's weights, held in registers, with vectors in shared memory: on tensor cores
// in every format, and of a few vectors in f32 on its own units.
//
// A warp has a slice of k and all rows: m-tile g of mma.sync is gate g of the block's 16 units, and
// eight vectors are an n-tile. Which value of k stands where in a fragment is free as long as
// weights and vectors agree: lane l takes the four values at 16 j + 4 (l % 4) of its slice, so that
// a fragment of vectors is one load and weights are read as they lie.
//
// f32 is three products of high and low parts. Of f16 where a cell has several gates: both parts
// have 11 bits, as those of tf32, at twice its rate and in the registers of one f32. Their range
// is kept by powers of two: one for a block's weights, and one for h, which no gate lets grow
// beyond 1 or where it began. Elsewhere, where h knows no bound, of tf32. Stacked layers in tf32
// are made of high parts alone: rounded as tf32 rounds, down to 2^-29 of the largest. What is left
// out is 2^-22 of a term or so; the sums of a slice are short, and slices are added in f32: an
// error below that of a chain of f32 sums.
#pragma once

#include <type_traits>

#include "impls/common/formats.cuh"
#include "impls/common/mma.cuh"
#include "impls/cuda/persistent/job.hpp"
#include "impls/cuda/persistent/primitives.cuh"
#include "impls/cuda/persistent/shape.hpp"

namespace rnnbench::persistent {

/// What tensors are stored in.
template <Math math>
using Stored = std::conditional_t<math == Math::f16, __half,
                                  std::conditional_t<math == Math::bf16, __nv_bfloat16, float>>;

template <Math math>
__device__ __forceinline__ float load(const void* from, std::int64_t at) {
  return to_f32(static_cast<const Stored<math>*>(from)[at]);
}
template <Math math>
__device__ __forceinline__ void store(void* to, std::int64_t at, float value) {
  static_cast<Stored<math>*>(to)[at] = from_f32<Stored<math>>(value);
}

/// Weights of `row` from `k` on, 0 where there are none. wide: rows are aligned to four values.
template <Math math>
__device__ __forceinline__ float4 four_weights(const void* weights, std::int64_t row, bool there,
                                               int k, int hidden, bool wide) {
  using T = Stored<math>;
  struct alignas(4 * sizeof(T)) Four {
    T of[4];
  };
  const T* const from = static_cast<const T*>(weights) + row * hidden + k;
  float w[4] = {};
  if (wide) {
    if (there && k < hidden) {
      const Four four = *reinterpret_cast<const Four*>(from);
#pragma unroll
      for (int i = 0; i < 4; ++i) w[i] = to_f32(four.of[i]);
    }
  } else {
#pragma unroll
    for (int i = 0; i < 4; ++i)
      if (there && k + i < hidden) w[i] = to_f32(from[i]);
  }
  return {w[0], w[1], w[2], w[3]};
}

/// `count` weights of one row that lie side by side, in 16 bytes: as four_weights, or as they are
/// stored, in 16 bits.
template <Math math, int count>
__device__ __forceinline__ uint4 piece_of_weights(const void* weights, std::int64_t row, bool there,
                                                  int k, int hidden, bool wide) {
  static_assert(count == 4 || (count == 8 && sizeof(Stored<math>) == 2));
  if constexpr (count == 4) {
    const float4 four = four_weights<math>(weights, row, there, k, hidden, wide);
    return {__float_as_uint(four.x), __float_as_uint(four.y), __float_as_uint(four.z),
            __float_as_uint(four.w)};
  } else {
    const auto* const from = static_cast<const std::uint16_t*>(weights) + row * hidden + k;
    unsigned pairs[4] = {};
    if (wide) {
      if (there && k < hidden) return *reinterpret_cast<const uint4*>(from);
    } else {
#pragma unroll
      for (int i = 0; i < 8; ++i)
        if (there && k + i < hidden) pairs[i / 2] |= unsigned(from[i]) << 16 * (i % 2);
    }
    return {pairs[0], pairs[1], pairs[2], pairs[3]};
  }
}
template <Math math, int count>
__device__ __forceinline__ void unpack_weights(const uint4& piece, float (&w)[count]) {
  const unsigned words[4] = {piece.x, piece.y, piece.z, piece.w};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    if constexpr (count == 4) {
      w[i] = __uint_as_float(words[i]);
    } else if constexpr (math == Math::bf16) {
      w[2 * i] = __uint_as_float(words[i] << 16);
      w[2 * i + 1] = __uint_as_float(words[i] & 0xffff0000u);
    } else {
      const float2 pair = __half22float2(reinterpret_cast<const __half2&>(words[i]));
      w[2 * i] = pair.x, w[2 * i + 1] = pair.y;
    }
  }
}

/// The bits of an f32 that tf32 has.
inline constexpr std::uint32_t high_mask = 0xffffe000;

/// What vectors consist of in shared memory, and weights in registers. Each is `bits` of a value
/// times a power of two, which is 1 but for the first two.
enum class Element {
  split,   // f16 high part, and low part above it
  scaled,  // f16: as many bits as tf32 has
  f32,
  tf32,
  f16,
  bf16
};

/// Kernels that multiply: layers that run at once, any other, and for few rows.
enum class Kind { stacked, alone, few };

template <Math math, int gates, Kind kind = Kind::alone>
constexpr Element element_for() {
  if (math == Math::f16) return Element::f16;
  if (math == Math::bf16) return Element::bf16;
  if (math == Math::tf32)
    return gates > 1 && kind == Kind::stacked ? Element::scaled : Element::tf32;
  return gates > 1 && kind != Kind::few ? Element::split : Element::f32;
}
template <Math math, int gates, Kind kind = Kind::alone>
inline constexpr Element element_of = element_for<math, gates, kind>();
template <Element element>
inline constexpr bool has_scale = element == Element::split || element == Element::scaled;
template <Element element>  // 4 bytes
inline constexpr bool is_wide =
    element == Element::split || element == Element::f32 || element == Element::tf32;

template <Element element>
__device__ __forceinline__ std::uint32_t bits(float value) {
  if constexpr (element == Element::split) {
    const __half high = __float2half_rn(value);
    const __half low = __float2half_rn(value - __half2float(high));
    return __half_as_ushort(high) | std::uint32_t{__half_as_ushort(low)} << 16;
  } else if constexpr (element == Element::f32) {
    return __float_as_uint(value);
  } else if constexpr (element == Element::tf32) {
    return round_to_tf32(value);
  } else if constexpr (element == Element::f16 || element == Element::scaled) {
    return __half_as_ushort(__float2half_rn(value));
  } else {
    return __bfloat16_as_ushort(__float2bfloat16_rn(value));
  }
}

/// Four neighbours in k, as they lie in shared memory: `split` ones high parts first.
template <Element element>
struct Quad {
  static constexpr int count = is_wide<element> ? 4 : 2;
  std::uint32_t word[count];

  /// Of the bits of four elements.
  __device__ __forceinline__ void set(std::uint32_t a, std::uint32_t b, std::uint32_t c,
                                      std::uint32_t d) {
    if constexpr (element == Element::split) {
      word[0] = (a & 0xffff) | b << 16, word[1] = (c & 0xffff) | d << 16;
      word[2] = a >> 16 | (b & 0xffff0000), word[3] = c >> 16 | (d & 0xffff0000);
    } else if constexpr (is_wide<element>) {
      word[0] = a, word[1] = b, word[2] = c, word[3] = d;
    } else {
      word[0] = a | b << 16, word[1] = c | d << 16;
    }
  }
  /// Of four values.
  __device__ __forceinline__ void set_values(const float (&v)[4]) {
    if constexpr (element == Element::split) {
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        const __half2 high = __floats2half2_rn(v[2 * i], v[2 * i + 1]);
        const float2 there = __half22float2(high);
        const __half2 low = __floats2half2_rn(v[2 * i] - there.x, v[2 * i + 1] - there.y);
        word[i] = *reinterpret_cast<const std::uint32_t*>(&high),
        word[2 + i] = *reinterpret_cast<const std::uint32_t*>(&low);
      }
    } else {
      set(bits<element>(v[0]), bits<element>(v[1]), bits<element>(v[2]), bits<element>(v[3]));
    }
  }
  __device__ __forceinline__ void read(const void* from) {
    if constexpr (count == 4) {
      const uint4 all = *static_cast<const uint4*>(from);
      word[0] = all.x, word[1] = all.y, word[2] = all.z, word[3] = all.w;
    } else {
      const uint2 all = *static_cast<const uint2*>(from);
      word[0] = all.x, word[1] = all.y;
    }
  }
};

/// Sums of 16 rows times 8 vectors. apart: with sums for each product of parts, shorter chains.
template <Element element, bool apart>
struct Sums {
  static constexpr bool three = element == Element::split && apart;
  float main[4] = {}, low_high[three ? 4 : 1] = {}, high_low[three ? 4 : 1] = {};
  __device__ __forceinline__ float sum(int i, float scale) const {
    if constexpr (three)
      return (main[i] + (low_high[i] + high_low[i])) * scale;
    else
      return has_scale<element> ? main[i] * scale : main[i];
  }
};

/// Over 16 values of k. a: of rows l / 4 and l / 4 + 8.
template <Element element, bool apart>
__device__ __forceinline__ void add_products(Sums<element, apart>& sums, const Quad<element>& a0,
                                             const Quad<element>& a1, const Quad<element>& b) {
  if constexpr (element == Element::split) {
    const std::uint32_t high[4] = {a0.word[0], a1.word[0], a0.word[1], a1.word[1]};
    const std::uint32_t low[4] = {a0.word[2], a1.word[2], a0.word[3], a1.word[3]};
    if constexpr (apart) {
      multiply_add<MmaFormat::f16>(sums.low_high, low, b.word[0], b.word[1]);
      multiply_add<MmaFormat::f16>(sums.high_low, high, b.word[2], b.word[3]);
    } else {
      multiply_add<MmaFormat::f16>(sums.main, low, b.word[0], b.word[1]);
      multiply_add<MmaFormat::f16>(sums.main, high, b.word[2], b.word[3]);
    }
    multiply_add<MmaFormat::f16>(sums.main, high, b.word[0], b.word[1]);
  } else if constexpr (is_wide<element>) {
#pragma unroll
    for (int i = 0; i < 4; i += 2) {
      const std::uint32_t a[4] = {a0.word[i], a1.word[i], a0.word[i + 1], a1.word[i + 1]};
      if constexpr (element == Element::f32) {
        const auto minus = [](std::uint32_t word, std::uint32_t part) {
          return __float_as_uint(__uint_as_float(word) - __uint_as_float(part));
        };
        const auto cut = [&](int k) {  // what the hardware cuts off, having no bits for it
          return minus(a[k], a[k] & high_mask);
        };
        const std::uint32_t rest[4] = {cut(0), cut(1), cut(2), cut(3)};
        const std::uint32_t b0 = round_to_tf32(__uint_as_float(b.word[i]));
        const std::uint32_t b1 = round_to_tf32(__uint_as_float(b.word[i + 1]));
        multiply_add<MmaFormat::tf32>(sums.main, rest, b0, b1);
        multiply_add<MmaFormat::tf32>(sums.main, a, minus(b.word[i], b0), minus(b.word[i + 1], b1));
        multiply_add<MmaFormat::tf32>(sums.main, a, b0, b1);
      } else {
        multiply_add<MmaFormat::tf32>(sums.main, a, b.word[i], b.word[i + 1]);
      }
    }
  } else {
    constexpr MmaFormat format = element == Element::bf16 ? MmaFormat::bf16 : MmaFormat::f16;
    const std::uint32_t a[4] = {a0.word[0], a1.word[0], a0.word[1], a1.word[1]};
    multiply_add<format>(sums.main, a, b.word[0], b.word[1]);
  }
}

/// The power of two that brings values of up to `largest` to 2^15, where f16 still holds them and
/// has the most room below: what both parts together leave out of a value is 2^-22 of it or 2^-40
/// of the largest.
__device__ __forceinline__ float scale_for(float largest) {
  const int exponent = int(__float_as_uint(largest) >> 23) - 127;
  const int up = max(-112, min(14 - exponent, 112));
  return __uint_as_float(std::uint32_t(127 + up) << 23);
}

/// |value|, and of what is not finite nothing: it stays in its own sums, and no scale follows it.
__device__ __forceinline__ float finite_size(float value) {
  const float size = fabsf(value);
  return size < __uint_as_float(0x7f800000) ? size : 0.0f;
}
/// The larger of what is there and of all lanes' values, none of them negative.
__device__ __forceinline__ void raise(std::uint32_t* largest, float value) {
#pragma unroll
  for (int k = 16; k > 0; k /= 2) value = fmaxf(value, __shfl_xor_sync(~0u, value, k));
  if (threadIdx.x % 32 == 0) atomicMax(largest, __float_as_uint(value));
}

/// The largest of this thread's share of W [gates * H, H]: of `units` units from `first` on.
template <int gates, Math math>
__device__ __forceinline__ float largest_weight(const void* from, int hidden, int first,
                                                int units) {
  float largest = 0;
  const int warps = int(blockDim.x) / 32, lane = int(threadIdx.x) % 32;
  for (int place = int(threadIdx.x) / 32; place < gates * units; place += warps) {
    const int unit = first + place % units;
    if (unit >= hidden) continue;
    const std::int64_t row = (std::int64_t{place / units} * hidden + unit) * hidden;
#pragma unroll 8  // loads at once
    for (int k = lane; k < hidden; k += 32)
      largest = fmaxf(largest, finite_size(load<math>(from, row + k)));
  }
  return largest;
}
/// Likewise of h, which no gate lets grow beyond 1 or where it began: [rows, H].
template <Math math>
__device__ __forceinline__ float largest_state(const void* h_0, int states) {
  float largest = 1;
#pragma unroll 8
  for (int i = int(threadIdx.x); i < states; i += int(blockDim.x))
    largest = fmaxf(largest, finite_size(load<math>(h_0, i)));
  return largest;
}

/// A lane's part of a warp's weights: of every m-tile rows l / 4 and l / 4 + 8.
/// pairs: two times eight vectors at once, where registers hold their sums. apart: see Sums.
/// shared: they lie in shared memory.
template <int gates, int units, int k_lane, Math math, Kind kind, bool pairs, bool apart,
          bool shared = false>
class Products {
  static constexpr Element element = element_of<math, gates, kind>;
  static constexpr int m_tiles = gates * units / 16;
  static constexpr int of_gate = units / 16;  // m-tiles

 public:
  /// W's rows of units `first` on, for each gate; from `from` [gates * H, H], column k at place
  /// k of the vectors. scale: these weights', where elements have one. shared_weights: for them,
  /// of all warps.
  __device__ __forceinline__ void read(const void* from, int warp, int lane, int first,
                                       const Launch& launch, float scale,
                                       float* shared_weights = nullptr) {
    scale_ /= scale;
    if constexpr (shared)
      shared_ =
          reinterpret_cast<uint4*>(shared_weights) + warp * m_tiles * chunks * quads * 32 + lane;
#pragma unroll(shared ? 1 : m_tiles)
    for (int g = 0; g < m_tiles; ++g) {
      Quad<element> of_chunks[chunks][2];
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int unit = first + g % of_gate * 16 + lane / 4 + 8 * half;
        // In 32 bits, which up to 256 units need: addresses would take the registers of weights.
        const unsigned row = unsigned(g / of_gate * launch.hidden + unit) * unsigned(launch.hidden);
#pragma unroll
        for (int j = 0; j < chunks; ++j) {
          float value[4];
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            const int column = warp * 4 * k_lane + j * 16 + lane % 4 * 4 + i;
            const bool there = unit < launch.hidden && column < launch.hidden;
            value[i] = there ? load<math>(from, row + unsigned(column)) * scale : 0.0f;
          }
          of_chunks[j][half].set_values(value);
        }
      }
#pragma unroll
      for (int j = 0; j < chunks; ++j) keep(g, j, of_chunks[j]);
    }
  }

  /// Of the vectors that it will be given.
  __device__ __forceinline__ void take_scale(float of_vectors) { scale_ /= of_vectors; }

  /// Of `count` vectors, [count rounded up to 8, vector_stride(k_lane)], to this warp's places in
  /// as many rows of `parts`.
  __device__ __forceinline__ void multiply(const char* vectors, int count, float* parts, int warp,
                                           int lane) const {
    vectors +=
        element_bytes * (lane / 4 * vector_stride(k_lane) + warp * 4 * k_lane + lane % 4 * 4);
    parts += lane % 4 * 2 * stride + lane / 4 * group_stride + (warp ^ lane % 4);
    const int left = count - lane % 4 * 2;
    int b = 0;
    if constexpr (pairs)
#pragma unroll 1
      for (; b + 8 < count; b += 16)
        tiles<2>(vectors + b * vector_bytes, left - b, parts + b * stride);
#pragma unroll 1
    for (; b < count; b += 8) tiles<1>(vectors + b * vector_bytes, left - b, parts + b * stride);
  }

 private:
  static constexpr int chunks = k_lane / 4, stride = parts_stride(gates, units);
  static constexpr int quads = is_wide<element> ? 2 : 1;  // of 16 bytes, of a chunk of an m-tile
  static constexpr int element_bytes = is_wide<element> ? 4 : 2;
  static constexpr int vector_bytes = element_bytes * vector_stride(k_lane);

  /// With n_tiles times eight vectors. left: of them and those behind, from this lane's first one.
  template <int n_tiles>
  __device__ __forceinline__ void tiles(const char* vectors, int left, float* parts) const {
    constexpr int at_once = shared                 ? 2
                            : pairs || m_tiles < 4 ? m_tiles
                            : units == 16          ? 2
                            : m_tiles * quads > 12 ? 4
                                                   : m_tiles;
    static_assert(m_tiles % at_once == 0);
#pragma unroll
    for (int first = 0; first < m_tiles; first += at_once) {
      Sums<element, apart> s[at_once][n_tiles];
#pragma unroll
      for (int j = 0; j < chunks; ++j) {
        Quad<element> b[n_tiles];
#pragma unroll
        for (int n = 0; n < n_tiles; ++n)
          b[n].read(vectors + n * 8 * vector_bytes + j * 16 * element_bytes);
#pragma unroll
        for (int g = 0; g < at_once; ++g) {
          Quad<element> a[2];
          take(first + g, j, a);
#pragma unroll
          for (int n = 0; n < n_tiles; ++n) add_products(s[g][n], a[0], a[1], b[n]);
        }
      }
#pragma unroll
      for (int n = 0; n < n_tiles; ++n)
#pragma unroll
        for (int i = 0; i < 2; ++i)
          if (n * 8 + i < left)
#pragma unroll
            for (int g = 0; g < at_once; ++g)
#pragma unroll
              for (int half = 0; half < 2; ++half)
                parts[(n * 8 + i) * stride + ((first + g) * 16 + half * 8) * group_stride] =
                    s[g][n].sum(half * 2 + i, scale_);
    }
  }

  /// Both halves of a chunk of an m-tile. In shared memory a lane's lie 512 bytes apart.
  __device__ __forceinline__ void keep(int tile, int j, const Quad<element> (&a)[2]) {
    if constexpr (shared) {
      uint4* const to = shared_ + (tile * chunks + j) * quads * 32;
      if constexpr (quads == 2) {
        for (int half = 0; half < 2; ++half)
          to[half * 32] = {a[half].word[0], a[half].word[1], a[half].word[2], a[half].word[3]};
      } else {
        *to = {a[0].word[0], a[0].word[1], a[1].word[0], a[1].word[1]};
      }
    } else {
      weights_[tile][j][0] = a[0], weights_[tile][j][1] = a[1];
    }
  }
  __device__ __forceinline__ void take(int tile, int j, Quad<element> (&a)[2]) const {
    if constexpr (shared) {
      const uint4* const from = shared_ + (tile * chunks + j) * quads * 32;
#pragma unroll
      for (int k = 0; k < quads; ++k) {
        const uint4 four = from[k * 32];
        if constexpr (quads == 2) {
          a[k].word[0] = four.x, a[k].word[1] = four.y;
          a[k].word[2] = four.z, a[k].word[3] = four.w;
        } else {
          a[0].word[0] = four.x, a[0].word[1] = four.y;
          a[1].word[0] = four.z, a[1].word[1] = four.w;
        }
      }
    } else {
      a[0] = weights_[tile][j][0], a[1] = weights_[tile][j][1];
    }
  }

  Quad<element> weights_[shared ? 1 : m_tiles][chunks][2];
  uint4* shared_ = nullptr;
  float scale_ = 1;
};

/// Likewise for up to four vectors, of which tensor cores would multiply eight: on the f32 units,
/// exactly f32. A lane has one unit of every gate, and the warp's k, of 16 units half of it, by
/// fours in turns.
template <int gates, int units, int k_lane>
class FewProducts {
 public:
  __device__ __forceinline__ void read(const void* from, int warp, int lane, int first,
                                       const Launch& launch, float) {
    const int unit = first + lane % units;
#pragma unroll
    for (int g = 0; g < gates; ++g)
#pragma unroll
      for (int j = 0; j < depth; ++j) {
        const int column = place(warp, lane) + j * shares + j % 4 * (1 - shares);
        const bool there = unit < launch.hidden && column < launch.hidden;
        weights_[g][j] =
            there ? static_cast<const float*>(
                        from)[(std::int64_t{g} * launch.hidden + unit) * launch.hidden + column]
                  : 0.0f;
      }
  }

  __device__ __forceinline__ void take_scale(float) {}

  __device__ __forceinline__ void multiply(const char* vectors, int count, float* parts, int warp,
                                           int lane) const {
    const float* const from = reinterpret_cast<const float*>(vectors) + place(warp, lane);
    float* const to = parts + lane % units * group_stride;
    if (count == 1) rows<1>(from, to, 0, warp, lane);
    if (count > 1) rows<2>(from, to, 0, warp, lane);
    if (count == 3) rows<1>(from, to, 2, warp, lane);
    if (count > 3) rows<2>(from, to, 2, warp, lane);
  }

 private:
  static constexpr int shares = 32 / units;          // lanes that share a unit's k
  static constexpr int depth = 4 * k_lane / shares;  // values of k of a lane
  __device__ __forceinline__ static int place(int warp, int lane) {
    return warp * 4 * k_lane + lane / units * 4;
  }
  /// `count` vectors at once, whose waits for memory are one. Of two, each half of the lanes ends
  /// up with the sums of one.
  template <int count>
  __device__ __forceinline__ void rows(const float* from, float* to, int row, int warp,
                                       int lane) const {
    from += row * vector_stride(k_lane);
    float sums[count][gates] = {};
#pragma unroll
    for (int j = 0; j < depth; j += 4) {
      float4 v[count];
#pragma unroll
      for (int n = 0; n < count; ++n)
        v[n] = *reinterpret_cast<const float4*>(from + n * vector_stride(k_lane) + shares * j);
#pragma unroll
      for (int n = 0; n < count; ++n)
#pragma unroll
        for (int g = 0; g < gates; ++g) {
          const float* const w = weights_[g] + j;
          sums[n][g] = fmaf(w[1], v[n].y, fmaf(w[0], v[n].x, sums[n][g]));
          sums[n][g] = fmaf(w[3], v[n].w, fmaf(w[2], v[n].z, sums[n][g]));
        }
    }
    if constexpr (shares == 1) {
#pragma unroll
      for (int n = 0; n < count; ++n)
#pragma unroll
        for (int g = 0; g < gates; ++g)
          to[(row + n) * parts_stride(gates, units) + (warp ^ ((row + n) >> 1 & 3)) +
             g * units * group_stride] = sums[n][g];
      return;
    }
    const bool upper = lane >= units;
    const int own = row + (count > 1 && upper);
    to += own * parts_stride(gates, units) + (warp ^ (own >> 1 & 3));
#pragma unroll
    for (int g = 0; g < gates; ++g) {
      float sum = count > 1 && upper ? sums[count - 1][g] : sums[0][g];
      sum +=
          __shfl_xor_sync(~0u, count > 1 && !upper ? sums[count - 1][g] : sums[0][g], units % 32);
      if (count > 1 || !upper) to[g * units * group_stride] = sum;
    }
  }
  float weights_[gates][depth];
};

}  // namespace rnnbench::persistent
