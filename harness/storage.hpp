// f32 values in the type that a problem's tensors are stored in, and back.
#pragma once

#include <cstddef>

#include "harness/problem.hpp"

namespace rnnbench {

/// from: `count` values that `dtype` has exactly (round_to made them so), infinities or NaN.
/// to: `count` * bytes_per_element(dtype) bytes. tf32 is stored as f32.
void to_storage(Dtype dtype, const float* from, std::size_t count, std::byte* to);

/// The inverse; exact for every stored value.
void from_storage(Dtype dtype, const std::byte* from, std::size_t count, float* to);

}  // namespace rnnbench
