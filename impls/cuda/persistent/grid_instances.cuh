// From tables of tiles to compiled kernels.
#pragma once

#include <utility>

#include "impls/cuda/persistent/grid.cuh"
#include "impls/cuda/persistent/grid_kernels.hpp"

namespace rnnbench::persistent {

template <Math math, class Cell, const auto& table, std::size_t... i>
void add_grid_kernels(std::vector<GridKernel>& list, std::index_sequence<i...>) {
  (list.push_back({Cell::gates, table[i],
                   reinterpret_cast<const void*>(&grid_kernel<Cell, math, table[i].code()>)}),
   ...);
}

template <Math math, const auto& one, const auto& three, const auto& four>
std::vector<GridKernel> grid_kernels() {
  std::vector<GridKernel> list;
  add_grid_kernels<math, OneGate, one>(list, std::make_index_sequence<one.size()>());
  add_grid_kernels<math, Gru, three>(list, std::make_index_sequence<three.size()>());
  add_grid_kernels<math, Lstm, four>(list, std::make_index_sequence<four.size()>());
  return list;
}

}  // namespace rnnbench::persistent
