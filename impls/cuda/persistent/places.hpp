// What the grid and the rows kernel keep in shared memory of where inputs and outputs lie:
// registers are full of weights, and to work it out anew in every step took longer than h does to
// come.
#pragma once

#include <cstdint>

namespace rnnbench::persistent {

/// How far it is from a step to the next, in elements: of input products, and of y.
struct Strides {
  std::int64_t x, y;
};

/// Of a thread: its input products of the step to come, and its y of the one that is over. Null
/// where it has none.
template <class T>
struct Places {
  const float* x;
  T* y;
};

inline constexpr int place_bytes = 16;  // of either
static_assert(sizeof(Strides) == place_bytes && sizeof(Places<float>) == place_bytes);

}  // namespace rnnbench::persistent
