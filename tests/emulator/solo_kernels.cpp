#include <utility>

#include "impls/cuda/persistent/solo.cuh"
#include "tests/emulator/kernels.hpp"

namespace rnnbench::persistent {
namespace {

template <Math math, std::size_t i>
SoloFunction function() {
  constexpr int gates = solo_shapes[i].gates;
  using CellT = std::conditional_t<gates == 1, OneGate, std::conditional_t<gates == 3, Gru, Lstm>>;
  return &persistent_solo<CellT, math, solo_shapes[i].code()>;
}
template <Math math, std::size_t... i>
SoloFunction function(const SoloShape& shape, std::index_sequence<i...>) {
  SoloFunction found = nullptr;
  ((shape == solo_shapes[i] ? void(found = function<math, i>()) : void()), ...);
  return found;
}
template <Math math>
SoloFunction function(const SoloShape& shape) {
  return function<math>(shape, std::make_index_sequence<solo_shapes.size()>());
}

}  // namespace

SoloFunction solo_kernel_of(Math math, const SoloShape& shape) {
  if (math == Math::f16) return function<Math::f16>(shape);
  if (math == Math::bf16) return function<Math::bf16>(shape);
  return function<Math::f32>(shape);
}

}  // namespace rnnbench::persistent
