#include <utility>
#include <vector>

#include "impls/cuda/fused/kernels.hpp"
#include "impls/cuda/fused/wide.cuh"

namespace rnnbench::fused {
namespace {

template <Product product, class Cell, const auto& table, std::size_t... i>
void add(std::vector<WideKernel>& list, std::index_sequence<i...>) {
  (list.push_back(
       {product, Cell::gates, table[i],
        reinterpret_cast<const void*>(&fused_wide_step<Cell, table[i].code(), product>)}),
   ...);
}

template <Product product, const auto& one, const auto& three, const auto& four>
void add_all(std::vector<WideKernel>& list) {
  add<product, OneGate, one>(list, std::make_index_sequence<one.size()>());
  add<product, Gru, three>(list, std::make_index_sequence<three.size()>());
  add<product, Lstm, four>(list, std::make_index_sequence<four.size()>());
}

}  // namespace

std::span<const WideKernel> wide_kernels() {
  static const auto list = [] {
    std::vector<WideKernel> all;
#ifdef RNNBENCH_SM_90A
    add_all<Product::tf32, wide_tiles_1, wide_tiles_3, wide_tiles_4>(all);
    add_all<Product::tf32x3, wide_x3_tiles_1, wide_x3_tiles_3, wide_x3_tiles_4>(all);
    add_all<Product::f16, wide_tiles_1, wide_tiles_3, wide_tiles_4>(all);
    add_all<Product::bf16, wide_tiles_1, wide_tiles_3, wide_tiles_4>(all);
#endif
    return all;
  }();
  return list;
}

}  // namespace rnnbench::fused
