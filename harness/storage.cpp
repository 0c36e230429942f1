#include "harness/storage.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

#include "harness/parallel.hpp"

namespace rnnbench {
namespace {

constexpr std::uint32_t infinity = 0x7F800000;
constexpr std::uint32_t least_normal_half = 0x38800000;  // 2^-14 in f32
constexpr std::uint32_t exponent_shift = 0x38000000;     // (127 - 15) << 23

std::uint16_t half_bits(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7FFFFFFF;
  if (magnitude >= infinity)
    return static_cast<std::uint16_t>(sign | 0x7C00 | (magnitude > infinity ? 0x200 : 0));
  if (magnitude < least_normal_half)  // a multiple of 2^-24
    return static_cast<std::uint16_t>(
        sign | static_cast<std::uint32_t>(std::bit_cast<float>(magnitude) * 0x1p24F));
  return static_cast<std::uint16_t>(sign | (magnitude - exponent_shift) >> 13);
}

float half_value(std::uint16_t bits) {
  const std::uint32_t sign = std::uint32_t{bits} << 16 & 0x80000000, magnitude = bits & 0x7FFFU;
  if (magnitude >= 0x7C00) return std::bit_cast<float>(sign | infinity | (magnitude & 0x3FF) << 13);
  const float value = magnitude < 0x400 ? static_cast<float>(magnitude) * 0x1p-24F
                                        : std::bit_cast<float>((magnitude << 13) + exponent_shift);
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) | sign);
}

/// On all cores: weights and outputs can be hundreds of millions.
template <class Convert>
void on_all_cores(std::size_t count, const Convert& convert) {
  parallel_pieces(count, std::size_t{1} << 20, [&](std::size_t first, std::size_t last) {
    for (std::size_t k = first; k < last; ++k) convert(k);
  });
}

template <class Convert>
void pack(const float* from, std::size_t count, std::byte* to, const Convert& convert) {
  on_all_cores(count, [&](std::size_t k) {
    const std::uint16_t bits = convert(from[k]);
    std::memcpy(to + 2 * k, &bits, 2);
  });
}

template <class Convert>
void unpack(const std::byte* from, std::size_t count, float* to, const Convert& convert) {
  on_all_cores(count, [&](std::size_t k) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, from + 2 * k, 2);
    to[k] = convert(bits);
  });
}

}  // namespace

void to_storage(Dtype dtype, const float* from, std::size_t count, std::byte* to) {
  if (dtype == Dtype::f16)
    pack(from, count, to, half_bits);
  else if (dtype == Dtype::bf16)
    pack(from, count, to, [](float value) {
      return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16);
    });
  else
    std::memcpy(to, from, count * sizeof(float));
}

void from_storage(Dtype dtype, const std::byte* from, std::size_t count, float* to) {
  if (dtype == Dtype::f16)
    unpack(from, count, to, half_value);
  else if (dtype == Dtype::bf16)
    unpack(from, count, to,
           [](std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); });
  else
    std::memcpy(to, from, count * sizeof(float));
}

}  // namespace rnnbench
