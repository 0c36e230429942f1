// Words of h that carry their own validity, and the wait for them.
//
// The word of 16 bytes that one thread publishes is one access. Bit 0 of it is the tag: (s >> 1) &
// 1 where s counts publications of h, and the buffer is s & 1. What lies there before is h of s -
// 2, whose tag differs. So whoever sees the tag has the values: no flag, fence or barrier.
//
// Bit 0 is the last bit of one value in four or eight, as the products read it; y and the state
// stay whole. f16 and bf16: that value is rounded to the nearest one with that last bit. f32 in
// tf32 parts: it is off by a unit in the last place in half of the steps, up or down by turns,
// 2^-24 on average where the parts leave out 2^-22. f32 in f16 parts: the tag is bit 0 of the third
// of the four words of 32 bits, the last bit of a low part. tf32: products do not read the bit. An
// infinity may become a NaN.
#pragma once

#include "impls/common/mma.cuh"
#include "impls/cuda/persistent/grid_tiles.hpp"
#include "impls/cuda/persistent/primitives.cuh"
#include "impls/cuda/persistent/products.cuh"
#include "impls/cuda/persistent/waiting.cuh"

namespace rnnbench::persistent {

/// What products read for a value where it is not split, with bit 0 set to `tag`: to the nearest
/// such value.
template <Math math>
__device__ __forceinline__ unsigned tagged_bits(float value, unsigned tag) {
  if constexpr (element_bytes(math) == 2) {
    // Of f32: the bit that becomes the last one. Where f16 is denormal it is not, but then the
    // value is tiny.
    constexpr int last = math == Math::f16 ? 13 : 16;
    unsigned word = __float_as_uint(value) - (tag << last) + (1u << last);
    word = (word & ~((2u << last) - 1)) + (tag << last);
    const bool finite = fabsf(value) < __uint_as_float(0x7f800000);
    value = finite ? __uint_as_float(word) : value;
  }
  return (bits<element_of<math, 1>>(value) & ~1u) | tag;
}

}  // namespace rnnbench::persistent
