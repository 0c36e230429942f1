// From the table of shapes to compiled kernels.
#pragma once

#include <type_traits>
#include <utility>

#include "impls/cuda/persistent/rows.cuh"
#include "impls/cuda/persistent/rows_kernels.hpp"

namespace rnnbench::persistent {

template <Math math, std::size_t i>
const void* rows_function() {
  constexpr RowsShape shape = rows_shapes_of(math)[i];
  constexpr int gates = shape.gates;
  using CellT = std::conditional_t<gates == 1, OneGate, std::conditional_t<gates == 3, Gru, Lstm>>;
  return reinterpret_cast<const void*>(&persistent_rows<CellT, math, shape.code()>);
}

template <Math math, std::size_t... i>
std::vector<RowsKernel> rows_kernels(std::index_sequence<i...>) {
  return {{rows_shapes_of(math)[i], rows_function<math, i>()}...};
}
template <Math math>
std::vector<RowsKernel> rows_kernels() {
  return rows_kernels<math>(std::make_index_sequence<rows_shapes_of(math).size()>());
}

}  // namespace rnnbench::persistent
