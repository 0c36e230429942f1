#include <type_traits>
#include <utility>

#include "impls/cuda/persistent/rows.cuh"
#include "tests/emulator/kernels.hpp"

namespace rnnbench::persistent {
namespace {

template <Math math, std::size_t i>
RowsFunction function() {
  constexpr RowsShape shape = rows_shapes_of(math)[i];
  constexpr int gates = shape.gates;
  using CellT = std::conditional_t<gates == 1, OneGate, std::conditional_t<gates == 3, Gru, Lstm>>;
  return &persistent_rows<CellT, math, shape.code()>;
}
template <Math math, std::size_t... i>
RowsFunction function(const RowsShape& shape, std::index_sequence<i...>) {
  RowsFunction found = nullptr;
  ((shape == rows_shapes_of(math)[i] ? void(found = function<math, i>()) : void()), ...);
  return found;
}
template <Math math>
RowsFunction function(const RowsShape& shape) {
  return function<math>(shape, std::make_index_sequence<rows_shapes_of(math).size()>());
}

}  // namespace

RowsFunction rows_kernel_of(Math math, const RowsShape& shape) {
  if (math == Math::f16) return function<Math::f16>(shape);
  if (math == Math::bf16) return function<Math::bf16>(shape);
  return function<Math::f32>(shape);
}

}  // namespace rnnbench::persistent
