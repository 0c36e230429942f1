// Host memory that a CPU kernel owns: 64-byte aligned, zeroed, with a clear word when it is short.
#pragma once

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "harness/error.hpp"

namespace rnnbench {

struct FreeMemory {
  void operator()(void* pointer) const { std::free(pointer); }
};

/// `bytes` of uninitialised memory aligned to `alignment`; throws Error with the size.
inline void* allocate_aligned(std::size_t bytes, std::size_t alignment) {
  const std::size_t rounded = (bytes + alignment) / alignment * alignment;  // never 0
  void* pointer = rounded < bytes ? nullptr : std::aligned_alloc(alignment, rounded);
  if (!pointer)
    throw Error("not enough memory: " + std::to_string(bytes / 1048576 + 1) + " MiB needed");
  return pointer;
}

/// A float array for workspace or repacked weights. Empty by default.
class Scratch {
 public:
  Scratch() = default;
  explicit Scratch(std::size_t count)
      : data_(static_cast<float*>(allocate_aligned(count * sizeof(float), 64))) {
    std::memset(data_.get(), 0, count * sizeof(float));
  }
  float* get() const { return data_.get(); }
  explicit operator bool() const { return data_ != nullptr; }

 private:
  std::unique_ptr<float, FreeMemory> data_;
};

}  // namespace rnnbench
