// One instruction of the tensor cores, for a warp: mma.sync, from CC 8.0 on.
#pragma once

#include <cstdint>

namespace rnnbench {

enum class MmaFormat { tf32, f16, bf16 };

/// To nearest; the hardware by itself would cut off.
__device__ __forceinline__ std::uint32_t round_to_tf32(float value) {
  std::uint32_t rounded;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(rounded) : "f"(value));
  return rounded;
}

/// sums [16 x 8] += a [16 x k] * b [8 x k] transposed, k being 16 values of 16 bits or 8 of tf32.
/// Lane l's sums: rows l / 4 and l / 4 + 8, columns 2 * (l % 4) and the next.
template <MmaFormat format>
__device__ __forceinline__ void multiply_add(float (&sums)[4], const std::uint32_t (&a)[4],
                                             std::uint32_t b0, std::uint32_t b1) {
#define RNNBENCH_MMA(shape)                                                                       \
  asm volatile("mma.sync.aligned." shape " {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};" \
               : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])                       \
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1))
  if constexpr (format == MmaFormat::f16)
    RNNBENCH_MMA("m16n8k16.row.col.f32.f16.f16.f32");
  else if constexpr (format == MmaFormat::bf16)
    RNNBENCH_MMA("m16n8k16.row.col.f32.bf16.bf16.f32");
  else
    RNNBENCH_MMA("m16n8k8.row.col.f32.tf32.tf32.f32");
#undef RNNBENCH_MMA
}

}  // namespace rnnbench
