// Products of the grid kernel: mma.sync with weights as A fragments and words of h as B fragments.
//
// A slot of K is a pair of k-steps: lane (g, t) = (lane / 4, lane % 4) holds the 16 bytes at 16 t
// of row g (of the weights) or of row g of eight batch rows (of h). Words x, y of these 16 bytes
// are the fragments of the first k-step, z, w those of the second. A permutation of K within the
// slot, the same in both factors, so tensors are read as they lie.
#pragma once

#include "impls/common/mma.cuh"
#include "impls/cuda/persistent/grid_words.cuh"

namespace rnnbench::persistent {

template <Math math>
inline constexpr MmaFormat mma_format = math == Math::f16    ? MmaFormat::f16
                                        : math == Math::bf16 ? MmaFormat::bf16
                                                             : MmaFormat::tf32;

/// A k-step's words of h; of f32 in two parts, whose second the tensor cores cut off by themselves
/// where tf32 has no bits for it.
template <Math math>
struct HiddenPair {
  unsigned high[2], low[math == Math::f32 ? 2 : 1];
  HiddenPair() = default;
  __device__ __forceinline__ HiddenPair(unsigned first, unsigned second) : high{first, second} {
    if constexpr (math == Math::f32)
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        const float value = __uint_as_float(high[i]);
        high[i] = round_to_tf32(value);
        low[i] = __float_as_uint(value - __uint_as_float(high[i]));
      }
  }
};

/// A k-step's weights, which in f32 are split anew for each product: registers do not hold both
/// parts. mask: high_mask, in a way that the compiler does not know it.
template <Math math>
struct WeightTile {
  unsigned high[4], low[math == Math::f32 ? 4 : 1];
  __device__ __forceinline__ WeightTile(const uint4& a, unsigned mask) : high{a.x, a.y, a.z, a.w} {
    if constexpr (math == Math::f32)
#pragma unroll
      for (int i = 0; i < 4; ++i)
        low[i] = __float_as_uint(__uint_as_float(high[i]) - __uint_as_float(high[i] & mask));
  }
};

/// sums [16 x 8] += one k-step; the products of f32's low parts go to `rest`.
template <Math math>
__device__ __forceinline__ void add_product(float (&sums)[4], float (&rest)[4],
                                            const WeightTile<math>& a, const HiddenPair<math>& b) {
  constexpr MmaFormat format = mma_format<math>;
  if constexpr (math == Math::f32) {
    multiply_add<format>(rest, a.low, b.high[0], b.high[1]);
    multiply_add<format>(rest, a.high, b.low[0], b.low[1]);
  }
  multiply_add<format>(sums, a.high, b.high[0], b.high[1]);
}

/// 16 bytes of a row of weights from `unit` on; zeros beyond the matrix. `row` < 0: no such row.
template <Math math>
__device__ __forceinline__ uint4 weight_word(const Stored<math>* weights, std::int64_t row,
                                             int unit, int hidden, bool wide) {
  constexpr int count = 16 / element_bytes(math), each = count / 4;
  uint4 word{};
  if (row < 0 || unit >= hidden) return word;
  const Stored<math>* const from = weights + row * hidden + unit;
  if (wide) {
    word = *reinterpret_cast<const uint4*>(from);
  } else {
    unsigned words[4] = {};
#pragma unroll
    for (int i = 0; i < count; ++i)
      if (unit + i < hidden) {
        if constexpr (each == 1)
          words[i] = __float_as_uint(from[i]);
        else
          words[i / 2] |= bits<element_of<math, 1>>(to_f32(from[i])) << (16 * (i % 2));
      }
    word = {words[0], words[1], words[2], words[3]};
  }
  if constexpr (math == Math::tf32) {
    word.x = round_to_tf32(__uint_as_float(word.x));
    word.y = round_to_tf32(__uint_as_float(word.y));
    word.z = round_to_tf32(__uint_as_float(word.z));
    word.w = round_to_tf32(__uint_as_float(word.w));
  }
  return word;
}

/// Where a partial sum lies, `row` and `column` of a block of `columns` (8 to 64). The swaps within
/// a row keep both the fragments' stores (four rows by eight columns at a time) and the loads
/// (eight rows by four columns, or four by eight) from meeting in a bank. They depend on row % 8
/// alone.
template <int columns>
__device__ __forceinline__ int partial_place(int row, int column) {
  const int eighths = columns == 8 ? 0 : columns == 16 ? row / 2 & 1 : row & 3;
  return row * columns + (column ^ (eighths * 8 + (row & 4)));
}

/// Four neighbours in k of a row of f32 weights, in high and low parts.
__device__ __forceinline__ Quad<Element::split> split_weights(const uint4& four, float scale) {
  const auto part = [&](unsigned word) {
    return bits<Element::split>(__uint_as_float(word) * scale);
  };
  Quad<Element::split> quad;
  quad.set(part(four.x), part(four.y), part(four.z), part(four.w));
  return quad;
}

}  // namespace rnnbench::persistent
