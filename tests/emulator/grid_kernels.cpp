#include <type_traits>
#include <utility>

#include "impls/cuda/persistent/grid.cuh"
#include "tests/emulator/kernels.hpp"

namespace rnnbench::persistent {
namespace {

template <Math math, class CellT, const auto& tiles, std::size_t... i>
GridFunction function(const GridTile& tile, std::index_sequence<i...>) {
  GridFunction found = nullptr;
  ((tile == tiles[i] ? void(found = &grid_kernel<CellT, math, tiles[i].code()>) : void()), ...);
  return found;
}
template <Math math, class CellT, const auto& tiles>
GridFunction function(const GridTile& tile) {
  return function<math, CellT, tiles>(tile, std::make_index_sequence<tiles.size()>());
}
template <Math math, const auto& one, const auto& three, const auto& four>
GridFunction function(int gates, const GridTile& tile) {
  if (gates == 1) return function<math, OneGate, one>(tile);
  if (gates == 3) return function<math, Gru, three>(tile);
  return function<math, Lstm, four>(tile);
}

}  // namespace

GridFunction grid_kernel_of(Math math, int gates, const GridTile& tile) {
  if (math == Math::f16)
    return function<Math::f16, halves_tiles_1, halves_tiles_3, halves_tiles_4>(gates, tile);
  if (math == Math::tf32)
    return function<Math::tf32, tf32_tiles_1, tf32_tiles_3, tf32_tiles_4>(gates, tile);
  if (math == Math::f32)
    return function<Math::f32, f32_tiles_1, f32_tiles_3, f32_tiles_4>(gates, tile);
  return nullptr;  // bf16 has what f16 has
}

}  // namespace rnnbench::persistent
