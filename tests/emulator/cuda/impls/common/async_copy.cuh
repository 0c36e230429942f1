// In place of the file of that name: copies that run beside the arithmetic.
#pragma once

#include "cuda_runtime.h"

namespace rnnbench {

using emulator::shared_address;

inline void copy_async_4(void* to, const void* from, bool there) {
  static const int zero = 0;
  emulator::copy_async(to, there ? from : &zero, 4);
}
inline void copy_async_16(void* to, const void* from, bool there) {
  static const int zeros[4] = {};
  emulator::copy_async(to, there ? from : zeros, 16);
}
inline void copies_commit() { emulator::copies_commit(); }
template <int pending>
void copies_wait() {
  emulator::copies_wait(pending);
}

}  // namespace rnnbench
