// Products of a block's weights, held in registers, with vectors in shared memory: on tensor cores,
// in every format.
//
// A warp has a slice of k and all rows: m-tile g of mma.sync is gate g of the block's 16 units, and
// eight vectors are an n-tile. Which value of k stands where in a fragment is free as long as
// weights and vectors agree: lane l takes the four values at 16 j + 4 (l % 4) of its slice, so that
// a fragment of vectors is one 16-byte load and weights are read as they lie.
//
// f32 is three tf32 products of high and low parts (3xTF32), which leaves out 2^-22 or so; the sums
// of a slice are short, and slices are added in f32: an error below that of a chain of f32 sums.
#pragma once

#include <type_traits>

#include "impls/common/formats.cuh"
#include "impls/common/mma.cuh"
#include "impls/cuda/persistent/job.hpp"
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

/// The bits of an f32 that tf32 has.
inline constexpr std::uint32_t high_mask = 0xffffe000;

/// Four neighbours in k as words of fragments, and for 3xTF32 what those leave.
template <Math math>
struct Words {
  static constexpr bool wide = math == Math::f32 || math == Math::tf32;
  static constexpr int count = wide ? 4 : 2;
  std::uint32_t high[count], low[math == Math::f32 ? count : 1];

  Words() = default;
  __device__ __forceinline__ explicit Words(const float (&v)[4]) {
    if constexpr (wide) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        high[i] = round_to_tf32(v[i]);
        if constexpr (math == Math::f32)  // the hardware cuts off what is below its 11 bits
          low[i] = __float_as_uint(v[i] - __uint_as_float(high[i]));
      }
    } else {
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        if constexpr (math == Math::f16) {
          const __half2 pair = __floats2half2_rn(v[2 * i], v[2 * i + 1]);
          high[i] = *reinterpret_cast<const std::uint32_t*>(&pair);
        } else {
          const __nv_bfloat162 pair = __floats2bfloat162_rn(v[2 * i], v[2 * i + 1]);
          high[i] = *reinterpret_cast<const std::uint32_t*>(&pair);
        }
      }
    }
  }
};

/// sums += 16 rows times 8 vectors over 16 values of k. a: of rows l / 4 and l / 4 + 8.
template <Math math>
__device__ __forceinline__ void multiply_add_16(float (&sums)[4], const Words<math>& a0,
                                                const Words<math>& a1, const Words<math>& b) {
  constexpr MmaFormat format = math == Math::f16    ? MmaFormat::f16
                               : math == Math::bf16 ? MmaFormat::bf16
                                                    : MmaFormat::tf32;
  if constexpr (Words<math>::wide) {
#pragma unroll
    for (int i = 0; i < 4; i += 2) {
      const std::uint32_t high[4] = {a0.high[i], a1.high[i], a0.high[i + 1], a1.high[i + 1]};
      if constexpr (math == Math::f32) {
        const std::uint32_t low[4] = {a0.low[i], a1.low[i], a0.low[i + 1], a1.low[i + 1]};
        multiply_add<format>(sums, low, b.high[i], b.high[i + 1]);
        multiply_add<format>(sums, high, b.low[i], b.low[i + 1]);
      }
      multiply_add<format>(sums, high, b.high[i], b.high[i + 1]);
    }
  } else {
    const std::uint32_t high[4] = {a0.high[0], a1.high[0], a0.high[1], a1.high[1]};
    multiply_add<format>(sums, high, b.high[0], b.high[1]);
  }
}

/// A lane's part of a warp's weights, of every gate rows l / 4 and l / 4 + 8, and what is made of
/// them. Weights are words of fragments, but those of f32, which are split into their parts: `anew`
/// for each product where registers do not hold both.
template <int gates, int k_lane, Math math, bool anew>
class Products {
 public:
  /// W's rows of units `first` on, for each gate; from `from` [gates * H, width].
  __device__ __forceinline__ void read(const void* from, int width, int warp, int lane, int first,
                                       const Launch& launch) {
#pragma unroll
    for (int g = 0; g < gates; ++g)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int unit = lane / 4 + 8 * half;
        const bool there = unit < launch.units && first + unit < launch.hidden;
        const std::int64_t row = (std::int64_t{g} * launch.hidden + first + unit) * width;
#pragma unroll
        for (int j = 0; j < chunks; ++j) {
          float v[4];
#pragma unroll
          for (int i = 0; i < 4; ++i) {
            const int column = warp * 4 * k_lane + j * 16 + lane % 4 * 4 + i;
            v[i] = there && column < width ? load<math>(from, row + column) : 0.0f;
          }
          if constexpr (math == Math::f32) {
#pragma unroll
            for (int i = 0; i < 4; ++i) weights_[g][half][j][i] = __float_as_uint(v[i]);
          } else {
            const Words<math> words(v);
#pragma unroll
            for (int i = 0; i < Words<math>::count; ++i) weights_[g][half][j][i] = words.high[i];
          }
        }
      }
  }

  /// Of `count` vectors [count rounded up to 8, vector_stride(k_lane)] to rows of `sums`, as many,
  /// parts_stride(gates) apart. Reads and writes what is beyond `count` as well. mask: high_mask in
  /// shared memory, read each time where weights are split anew: the compiler would split known
  /// ones once and for all, and put into memory what it has no registers for.
  __device__ __forceinline__ void multiply(const float* vectors, int count, float* sums, int warp,
                                           int lane,
                                           const volatile std::uint32_t* kept_mask) const {
    vectors += lane / 4 * vector_stride(k_lane) + warp * 4 * k_lane + lane % 4 * 4;
    sums += lane % 4 * 2 * stride + warp * row_length(gates) + lane / 4;
    int b = 0;
    if constexpr (!anew)
#pragma unroll 1
      for (; b + 8 < count; b += 16)
        tiles<2>(vectors + b * vector_stride(k_lane), sums + b * stride, high_mask);
#pragma unroll 1
    for (; b < count; b += 8)
      tiles<1>(vectors + b * vector_stride(k_lane), sums + b * stride,
               anew ? *kept_mask : high_mask);
  }

 private:
  static constexpr int chunks = k_lane / 4, stride = parts_stride(gates);

  __device__ __forceinline__ Words<math> weights(int g, int half, int j, std::uint32_t mask) const {
    Words<math> words;
#pragma unroll
    for (int i = 0; i < Words<math>::count; ++i) {
      const std::uint32_t word = weights_[g][half][j][i];
      words.high[i] = word;  // tensor cores cut off by themselves what tf32 has no bits for
      if constexpr (math == Math::f32)
        words.low[i] = __float_as_uint(__uint_as_float(word) - __uint_as_float(word & mask));
    }
    return words;
  }

  /// With n_tiles times eight vectors.
  template <int n_tiles>
  __device__ __forceinline__ void tiles(const float* vectors, float* sums,
                                        std::uint32_t mask) const {
    float s[gates][n_tiles][4] = {};
#pragma unroll
    for (int j = 0; j < chunks; ++j) {
      Words<math> b[n_tiles];
#pragma unroll
      for (int n = 0; n < n_tiles; ++n) {
        const auto v =
            *reinterpret_cast<const float4*>(vectors + n * 8 * vector_stride(k_lane) + j * 16);
        const float four[4] = {v.x, v.y, v.z, v.w};
        b[n] = Words<math>(four);
      }
#pragma unroll
      for (int g = 0; g < gates; ++g) {
        const Words<math> a0 = weights(g, 0, j, mask), a1 = weights(g, 1, j, mask);
#pragma unroll
        for (int n = 0; n < n_tiles; ++n) multiply_add_16<math>(s[g][n], a0, a1, b[n]);
      }
    }
#pragma unroll
    for (int n = 0; n < n_tiles; ++n)
#pragma unroll
      for (int g = 0; g < gates; ++g)
#pragma unroll
        for (int i = 0; i < 4; ++i)
          sums[(n * 8 + i % 2) * stride + g * unit_cap + i / 2 * 8] = s[g][n][i];
  }

  std::uint32_t weights_[gates][2][chunks][Words<math>::count];
};

}  // namespace rnnbench::persistent
