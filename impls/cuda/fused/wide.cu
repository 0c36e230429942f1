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

template <Product product>
void add_all(std::vector<WideKernel>& list) {
  add<product, OneGate, wide_tiles_1>(list, std::make_index_sequence<wide_tiles_1.size()>());
  add<product, Gru, wide_tiles_3>(list, std::make_index_sequence<wide_tiles_3.size()>());
  add<product, Lstm, wide_tiles_4>(list, std::make_index_sequence<wide_tiles_4.size()>());
}

}  // namespace

std::span<const WideKernel> wide_kernels() {
  static const auto list = [] {
    std::vector<WideKernel> all;
#ifdef RNNBENCH_SM_90A
    add_all<Product::tf32>(all);
    add_all<Product::f16>(all);
    add_all<Product::bf16>(all);
#endif
    return all;
  }();
  return list;
}

}  // namespace rnnbench::fused
