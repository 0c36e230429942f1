#include <utility>

#include "impls/cuda/persistent/solo.cuh"
#include "tests/emulator/kernels.hpp"

namespace rnnbench::persistent {
namespace {

template <Math math, std::size_t i>
SoloFunction function(bool one_row) {
  constexpr int gates = solo_shapes[i].gates;
  using CellT = std::conditional_t<gates == 1, OneGate, std::conditional_t<gates == 3, Gru, Lstm>>;
  if (one_row) return &persistent_solo<CellT, math, solo_shapes[i].for_rows(true).code(), true>;
  return &persistent_solo<CellT, math, solo_shapes[i].for_rows(false).code(), false>;
}
template <Math math, std::size_t... i>
SoloFunction function(const SoloShape& shape, bool one_row, std::index_sequence<i...>) {
  SoloFunction found = nullptr;
  ((shape == solo_shapes[i] ? void(found = function<math, i>(one_row)) : void()), ...);
  return found;
}
template <Math math>
SoloFunction function(const SoloShape& shape, bool one_row) {
  return function<math>(shape, one_row, std::make_index_sequence<solo_shapes.size()>());
}

}  // namespace

SoloFunction solo_kernel_of(Math math, const SoloShape& shape, bool one_row) {
  if (math == Math::f16) return function<Math::f16>(shape, one_row);
  if (math == Math::bf16) return function<Math::bf16>(shape, one_row);
  return function<Math::f32>(shape, one_row);
}

}  // namespace rnnbench::persistent
