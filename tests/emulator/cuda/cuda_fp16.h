// __half for the emulator.
#pragma once

#include "cuda_runtime.h"

struct __half {
  std::uint16_t bits;
};
inline float __half2float(__half half) {
  const std::uint32_t magnitude = half.bits & 0x7fffu, sign = (half.bits & 0x8000u) << 16;
  float value = magnitude < 0x400 ? float(magnitude) * 0x1p-24f
                                  : std::bit_cast<float>((magnitude << 13) + 0x38000000u);
  if (magnitude >= 0x7c00u) value = std::bit_cast<float>(magnitude << 13 | 0x7f800000u);
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) | sign);
}
/// To nearest, ties to even.
inline __half __float2half_rn(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16 & 0x8000u;
  std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude >= 0x477ff000u)  // infinite from 65520 on; NaN
    magnitude = magnitude > 0x7f800000u ? 0x7e00u : 0x7c00u;
  else if (magnitude < 0x38800000u)  // below 2^-14: a multiple of 2^-24, which adding 1/2 rounds to
    magnitude = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000u;
  else
    magnitude = (magnitude + 0xfffu + (magnitude >> 13 & 1) - 0x38000000u) >> 13;
  return {static_cast<std::uint16_t>(sign | magnitude)};
}
inline std::uint16_t __half_as_ushort(__half value) { return value.bits; }

struct __half2 {
  __half x, y;
};
inline __half2 __floats2half2_rn(float x, float y) {
  return {__float2half_rn(x), __float2half_rn(y)};
}
inline float2 __half22float2(__half2 pair) { return {__half2float(pair.x), __half2float(pair.y)}; }
