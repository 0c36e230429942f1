// In place of the file of that name: mma.sync.
#pragma once

#include "cuda_bf16.h"
#include "cuda_fp16.h"

namespace rnnbench {

enum class MmaFormat { tf32, f16, bf16 };

/// To nearest, ties away from zero.
inline std::uint32_t round_to_tf32(float value) {
  return (__float_as_uint(value) + 0x1000u) & 0xffffe000u;
}

template <MmaFormat format>
void multiply_add(float (&sums)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                  std::uint32_t b1) {
  if constexpr (format == MmaFormat::f16)
    emulator::mma(sums, a, b0, b1, [](std::uint16_t bits) { return __half2float({bits}); });
  else if constexpr (format == MmaFormat::bf16)
    emulator::mma(sums, a, b0, b1, [](std::uint16_t bits) { return __bfloat162float({bits}); });
  else
    emulator::mma(sums, a, b0, b1, nullptr);
}

}  // namespace rnnbench
