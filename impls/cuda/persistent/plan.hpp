// How cuda:persistent does a problem, and what its cost model predicts. Plain C++.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/device.hpp"
#include "harness/problem.hpp"
#include "impls/cuda/persistent/grid_tiles.hpp"
#include "impls/cuda/persistent/rows_shapes.hpp"
#include "impls/cuda/persistent/shape.hpp"

namespace rnnbench::persistent {

/// wavefront: a GEMM for layer 0's input products, then one launch, all layers of a stack at once;
/// of more than there is room for, as many as can be, again and again.
/// hoisted: for each layer a GEMM for the input products of its steps, then one launch. These two
/// are the `cluster` strategy, where one cluster's registers hold a layer. grid: the other
/// strategy, all SMs hold a layer; a GEMM for its input products, then one launch, or several where
/// the batch's slices do not all run at once. solo: the third, each block holds a layer and does a
/// slice of the batch; a GEMM, then one launch. rows: the fourth, as grid, for slices of few rows.
enum class Form { wavefront, hoisted, grid, solo, rows };

constexpr Math math_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::f32:
      return Math::f32;
    case Dtype::tf32:
      return Math::tf32;
    case Dtype::f16:
      return Math::f16;
    case Dtype::bf16:
      break;
  }
  return Math::bf16;
}

inline constexpr int few_rows = 4;

struct Plan {
  Form form = Form::hoisted;
  int cluster = 1;      // blocks of a cluster: they share a layer's and direction's units
  int units = 16;       // hidden units of a block of a cluster: 16 or 32
  int k_lane = 4;       // which kernel: its registers cover 32 * k_lane values of h
  int slices = 1;       // of the batch, a cluster or group of blocks each
  int rows = 1;         // of the largest slice
  int input_steps = 0;  // of a wavefront: whose input products are made at once
  GridTile tile{};      // grid only
  RowsShape shape{};    // rows only; the next two: grid, solo and rows
  int blocks = 0;       // of a group: they share a layer's and direction's units
  int at_once = 0;      // groups that run at the same time
  int layers = 1;       // of one launch
  double step_s = 0, total_s = 0;  // predicted: one step, one call without the head
  bool stacked() const { return form == Form::wavefront; }
  /// Whether the f32 units multiply, which are faster than tensor cores for few rows.
  bool few(const Problem& p) const {
    return p.dtype == Dtype::f32 && form == Form::hoisted && rows <= few_rows;
  }
  int groups(const Problem& p) const { return p.directions * slices; }
  int turns(const Problem& p) const { return (groups(p) + at_once - 1) / at_once; }
  /// "wavefront-c16-s1": blocks of a cluster, slices; "grid-u16-b8-s2": units of a block, rows that
  /// a slice has room for ("b8x2": where two blocks share an SM), slices; "rows-u8-r1-s1":
  /// likewise; "solo-s128": slices.
  std::string config() const;
};

/// Rows of slice `slice`, and the row it begins with: as even as can be.
int rows_of(std::int64_t batch, int slices, int slice);
std::int64_t first_row_of(std::int64_t batch, int slices, int slice);

/// Why no strategy can hold the problem's weights; nothing where there are plans.
std::optional<std::string> refusal(const Problem& p, const DeviceInfo& device);

/// Every form and tile that the problem takes, each with its best number of slices, the fastest by
/// the model first. Empty where there is a refusal.
std::vector<Plan> plans(const Problem& p, const DeviceInfo& device);

/// The plan of that name, which may have any number of slices that fits; throws UsageError with
/// those of `plans`.
Plan plan_named(const std::string& config, const Problem& p, const DeviceInfo& device);

/// That one block can have: what holds weights, less the registers, which are as many on all chips.
double shared_bytes(const DeviceInfo& device);

/// A block's shared memory in the cluster strategy, and bytes of a value of h there.
Layout layout_of(const Plan& plan, const Problem& p);
int cluster_element_bytes(Form form, const Problem& p);

/// The input products of the steps of the first `layers`, where they are made before.
double input_products_s(const Problem& p, const DeviceInfo& device, int layers);

/// Clusters of that many blocks that run at the same time.
int resident_clusters(int blocks, const DeviceInfo& device);

}  // namespace rnnbench::persistent
