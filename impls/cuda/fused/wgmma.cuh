// wgmma of one warpgroup: D [64 x columns] += A [64 x k-step] * B [columns x k-step] transposed,
// B and mostly A, too, in shared memory, rows of 128 bytes in the 128-byte swizzle (PTX ISA, wgmma,
// "matrix descriptor"). Columns are 64, 128 or 256: the register lists are all that differs.
#pragma once

#include <cstdint>

#include "impls/cuda/fused/tiles.hpp"

namespace rnnbench::fused {

/// Descriptor of rows of 128 bytes, in groups of eight 1024 bytes apart; `address` aligned to 1024.
__device__ __forceinline__ std::uint64_t swizzled_rows(std::uint32_t address) {
  constexpr std::uint64_t eight_rows = 1024 >> 4, swizzle_128 = 1;
  return std::uint64_t{address >> 4 & 0x3fff} | std::uint64_t{1} << 16 | eight_rows << 32 |
         swizzle_128 << 62;
}

__device__ __forceinline__ void wgmma_fence() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
__device__ __forceinline__ void wgmma_commit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
template <int pending>
__device__ __forceinline__ void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(pending) : "memory");
}

#define RNNBENCH_F4(d, i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define RNNBENCH_F16(d, i) \
  RNNBENCH_F4(d, i), RNNBENCH_F4(d, i + 4), RNNBENCH_F4(d, i + 8), RNNBENCH_F4(d, i + 12)
#define RNNBENCH_F64(d, i) \
  RNNBENCH_F16(d, i), RNNBENCH_F16(d, i + 16), RNNBENCH_F16(d, i + 32), RNNBENCH_F16(d, i + 48)
// Behind the operands: whether D is added to or written, no negation and, for 16-bit types, no
// transposition.
#define RNNBENCH_LIST_32                                         \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, "           \
  "%12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, " \
  "%24, %25, %26, %27, %28, %29, %30, %31"
#define RNNBENCH_WGMMA_32(kind, tail)                                  \
  asm volatile(                                                        \
      "{\n.reg .pred add;\nsetp.ne.b32 add, %34, 0;\n"                 \
      "wgmma.mma_async.sync.aligned.m64n64" kind " {" RNNBENCH_LIST_32 \
      "}, %32, %33, add, 1, 1" tail ";\n}"                             \
      : RNNBENCH_F16(d, 0), RNNBENCH_F16(d, 16)                        \
      : "l"(a), "l"(b), "r"(add))
#define RNNBENCH_LIST_64                                         \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, "           \
  "%12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, " \
  "%24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, " \
  "%36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
  "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, " \
  "%60, %61, %62, %63"
#define RNNBENCH_WGMMA_64(kind, tail)                                   \
  asm volatile(                                                         \
      "{\n.reg .pred add;\nsetp.ne.b32 add, %66, 0;\n"                  \
      "wgmma.mma_async.sync.aligned.m64n128" kind " {" RNNBENCH_LIST_64 \
      "}, %64, %65, add, 1, 1" tail ";\n}"                              \
      : RNNBENCH_F64(d, 0)                                              \
      : "l"(a), "l"(b), "r"(add))
#define RNNBENCH_LIST_128                                                    \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, "                       \
  "%12, %13, %14, %15, %16, %17, %18, %19, %20, %21, %22, %23, "             \
  "%24, %25, %26, %27, %28, %29, %30, %31, %32, %33, %34, %35, "             \
  "%36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "             \
  "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, "             \
  "%60, %61, %62, %63, %64, %65, %66, %67, %68, %69, %70, %71, "             \
  "%72, %73, %74, %75, %76, %77, %78, %79, %80, %81, %82, %83, "             \
  "%84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, "             \
  "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, "     \
  "%108, %109, %110, %111, %112, %113, %114, %115, %116, %117, %118, %119, " \
  "%120, %121, %122, %123, %124, %125, %126, %127"
#define RNNBENCH_WGMMA_128(kind, tail)                                   \
  asm volatile(                                                          \
      "{\n.reg .pred add;\nsetp.ne.b32 add, %130, 0;\n"                  \
      "wgmma.mma_async.sync.aligned.m64n256" kind " {" RNNBENCH_LIST_128 \
      "}, %128, %129, add, 1, 1" tail ";\n}"                             \
      : RNNBENCH_F64(d, 0), RNNBENCH_F64(d, 64)                          \
      : "l"(a), "l"(b), "r"(add))

/// `add`: 0 where D is to be written and not added to.
template <Product product, int columns>
__device__ __forceinline__ void wgmma(float (&d)[columns / 2], std::uint64_t a, std::uint64_t b,
                                      int add = 1) {
#define RNNBENCH_WGMMA_OF(kind, tail) \
  if constexpr (columns == 64)        \
    RNNBENCH_WGMMA_32(kind, tail);    \
  else if constexpr (columns == 128)  \
    RNNBENCH_WGMMA_64(kind, tail);    \
  else                                \
    RNNBENCH_WGMMA_128(kind, tail)
  if constexpr (product == Product::f16) {
    RNNBENCH_WGMMA_OF("k16.f32.f16.f16", ", 0, 0");
  } else if constexpr (product == Product::bf16) {
    RNNBENCH_WGMMA_OF("k16.f32.bf16.bf16", ", 0, 0");
  } else {
    RNNBENCH_WGMMA_OF("k8.f32.tf32.tf32", "");
  }
#undef RNNBENCH_WGMMA_OF
}

/// The same with this thread's part of A in registers: rows lane / 4 and 8 more of its warp's 16,
/// columns lane % 4 and then, in the latter two words, 4 more. Only tf32, 64 or 128 columns.
template <int columns>
__device__ __forceinline__ void wgmma_tf32(float (&d)[columns / 2], const std::uint32_t (&a)[4],
                                           std::uint64_t b) {
  static_assert(columns == 64 || columns == 128);
  if constexpr (columns == 64)
    asm volatile("wgmma.mma_async.sync.aligned.m64n64k8.f32.tf32.tf32 {" RNNBENCH_LIST_32
                 "}, {%32, %33, %34, %35}, %36, 1, 1, 1;"
                 : RNNBENCH_F16(d, 0), RNNBENCH_F16(d, 16)
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
  else
    asm volatile("wgmma.mma_async.sync.aligned.m64n128k8.f32.tf32.tf32 {" RNNBENCH_LIST_64
                 "}, {%64, %65, %66, %67}, %68, 1, 1, 1;"
                 : RNNBENCH_F64(d, 0)
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b));
}

#undef RNNBENCH_F4
#undef RNNBENCH_F16
#undef RNNBENCH_F64
#undef RNNBENCH_LIST_32
#undef RNNBENCH_WGMMA_32
#undef RNNBENCH_LIST_64
#undef RNNBENCH_WGMMA_64
#undef RNNBENCH_LIST_128
#undef RNNBENCH_WGMMA_128

}  // namespace rnnbench::fused
