// Copies from device memory to shared memory that run beside the arithmetic.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace rnnbench {

__device__ __forceinline__ std::uint32_t shared_address(const void* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

/// 16 bytes, or as many zeros where not `there`. Both aligned to 16. (The form of the instruction
/// that takes a number of valid bytes costs six more to work out an address.)
__device__ __forceinline__ void copy_async_16(void* to, const void* from, bool there) {
  asm volatile(
      "{ .reg .pred zeros; setp.eq.u32 zeros, %2, 0;"
      " cp.async.cg.shared.global.L2::128B [%0], [%1], 16, zeros; }" ::"r"(shared_address(to)),
      "l"(from), "r"(unsigned(there))
      : "memory");
}
/// 4 bytes, or zeros. `from` is aligned to 4.
__device__ __forceinline__ void copy_async_4(void* to, const void* from, bool there) {
  asm volatile(
      "{ .reg .pred zeros; setp.eq.u32 zeros, %2, 0;"
      " cp.async.ca.shared.global [%0], [%1], 4, zeros; }" ::"r"(shared_address(to)),
      "l"(from), "r"(unsigned(there))
      : "memory");
}
/// Closes a group of copies; groups finish in order.
__device__ __forceinline__ void copies_commit() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
/// Waits until at most `pending` of this thread's groups are unfinished.
template <int pending>
__device__ __forceinline__ void copies_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
}

}  // namespace rnnbench
