// Tensors as kernels see them.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "impls/common/formats.cuh"
#include "impls/cuda/persistent/shape.hpp"

namespace rnnbench::persistent {

template <class Fn>
auto with_math(Math math, const Fn& fn) {
  if (math == Math::f16) return fn(__half{});
  if (math == Math::bf16) return fn(__nv_bfloat16{});
  return fn(float{});
}

/// A tensor as it is stored, with nothing behind it.
class StoredTensor {
 public:
  StoredTensor(Math math, const std::vector<float>& values) : math_(math) {
    with_math(math, [&](auto type) {
      using T = decltype(type);
      bytes_ = std::make_unique<std::byte[]>(values.size() * sizeof(T));
      for (std::size_t k = 0; k < values.size(); ++k)
        reinterpret_cast<T*>(bytes_.get())[k] = from_f32<T>(values[k]);
    });
    count_ = values.size();
  }
  void* at(std::int64_t index) const {
    return bytes_.get() + index * (math_ == Math::f32 || math_ == Math::tf32 ? 4 : 2);
  }
  std::vector<float> values() const {
    return with_math(math_, [&](auto type) {
      std::vector<float> values(count_);
      for (std::size_t k = 0; k < count_; ++k)
        values[k] = to_f32(reinterpret_cast<const decltype(type)*>(bytes_.get())[k]);
      return values;
    });
  }

 private:
  Math math_;
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t count_ = 0;
};

}  // namespace rnnbench::persistent
