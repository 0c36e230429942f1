// From shapes to compiled kernels.
#pragma once

#include "impls/cuda/persistent/cluster.cuh"
#include "impls/cuda/persistent/kernels.hpp"

namespace rnnbench::persistent {

template <Math math, class Cell, int k_lane>
void add_kernels(std::vector<ClusterKernel>& list) {
  list.push_back({math, Cell::gates, k_lane, false,
                  reinterpret_cast<const void*>(&persistent_cluster<Cell, k_lane, math, false>)});
  list.push_back({math, Cell::gates, k_lane, true,
                  reinterpret_cast<const void*>(&persistent_cluster<Cell, k_lane, math, true>)});
}

template <Math math>
std::vector<ClusterKernel> cluster_kernels() {
  std::vector<ClusterKernel> list;
  add_kernels<math, OneGate, 4>(list);
  add_kernels<math, OneGate, 8>(list);
  add_kernels<math, Gru, 4>(list);
  add_kernels<math, Gru, 8>(list);
  add_kernels<math, Lstm, 4>(list);
  add_kernels<math, Lstm, 8>(list);
  return list;
}

}  // namespace rnnbench::persistent
