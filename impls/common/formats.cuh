// The types that tensors are stored in on a GPU. All arithmetic is in f32: these only load, store
// and feed tensor cores.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "harness/problem.hpp"

namespace rnnbench {

__device__ __forceinline__ float to_f32(float value) { return value; }
__device__ __forceinline__ float to_f32(__half value) { return __half2float(value); }
__device__ __forceinline__ float to_f32(__nv_bfloat16 value) { return __bfloat162float(value); }

/// Rounded to nearest, ties to even.
template <class T>
__device__ __forceinline__ T from_f32(float value);
template <>
__device__ __forceinline__ float from_f32<float>(float value) {
  return value;
}
template <>
__device__ __forceinline__ __half from_f32<__half>(float value) {
  return __float2half_rn(value);
}
template <>
__device__ __forceinline__ __nv_bfloat16 from_f32<__nv_bfloat16>(float value) {
  return __float2bfloat16_rn(value);
}

/// fn(T{}) with the storage type of `dtype`; f32 and tf32 are both float.
template <class Fn>
auto with_storage(Dtype dtype, const Fn& fn) {
  if (dtype == Dtype::f16) return fn(__half{});
  if (dtype == Dtype::bf16) return fn(__nv_bfloat16{});
  return fn(float{});
}

}  // namespace rnnbench
