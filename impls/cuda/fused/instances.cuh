// From tables of tiles to compiled kernels.
#pragma once

#include <utility>
#include <vector>

#include "impls/cuda/fused/kernels.hpp"
#include "impls/cuda/fused/tile.cuh"

namespace rnnbench::fused {

template <Product product, class Cell, const auto& table, std::size_t... i>
void add_kernels(std::vector<StepKernel>& list, std::index_sequence<i...>) {
  (list.push_back({Cell::gates, table[i],
                   reinterpret_cast<const void*>(&fused_step<Cell, table[i].code(), product>)}),
   ...);
}

template <Product product, const auto& one, const auto& three, const auto& four>
std::vector<StepKernel> step_kernels() {
  std::vector<StepKernel> list;
  add_kernels<product, OneGate, one>(list, std::make_index_sequence<one.size()>());
  add_kernels<product, Gru, three>(list, std::make_index_sequence<three.size()>());
  add_kernels<product, Lstm, four>(list, std::make_index_sequence<four.size()>());
  return list;
}

}  // namespace rnnbench::fused
