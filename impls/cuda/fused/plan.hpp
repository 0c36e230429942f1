// How cuda:fused does a problem: where the input product is made, on which units, with which tile.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "harness/device.hpp"
#include "impls/cuda/fused/tiles.hpp"

namespace rnnbench::fused {

/// in_kernel: every step makes both products. hoisted: one GEMM makes the input products of all
/// steps of a layer, and a step makes the hidden product.
enum class Form { in_kernel, hoisted };

/// Of either kernel: tile.cuh or wide.cuh.
using AnyTile = std::variant<Tile, WideTile>;
std::string name_of(const AnyTile& tile, Product product);

struct Plan {
  Form form = Form::in_kernel;
  Product product = Product::ffma;
  AnyTile tile;
  double step_s = 0;           // predicted time of one launch
  double total_s = 0;          // predicted time of the whole call, without the head
  std::string config() const;  // "in-kernel-16x8x128-w8-s3"
};

/// f32 problems on the f32 units, unless `math` (of --option math=) is "3xtf32"; the other formats
/// on tensor cores. Throws UsageError for another word, or one that the dtype does not take.
Product product_for(Dtype dtype, const std::string& math);

/// Every way, the best by the model first, what would not fit into memory last. Tiles on wgmma,
/// from a batch of 64 on, are there on CC 9.0 where rows are aligned to 16 bytes; tiles that need
/// more shared memory than the device has are not.
std::vector<Plan> plans(const Problem& p, const DeviceInfo& device, Product product);

/// The model's choice, the conservative tile (4 warps, 2 stages) and the two next best that differ
/// from them: at most four.
std::vector<Plan> candidate_plans(const Problem& p, const DeviceInfo& device, Product product);

/// The plan of that name; throws UsageError with those that there are.
Plan plan_named(const std::string& config, const Problem& p, const DeviceInfo& device,
                Product product);

/// A tile for a linear layer y [rows, outputs] of `width` features.
AnyTile linear_tile(std::int64_t rows, std::int64_t outputs, std::int64_t width,
                    const DeviceInfo& device, Product product);

/// A unidirectional stack with its products in the kernels: every launch steps all layers.
bool is_wavefront(const Problem& p, Form form);

/// Launches of a whole call: those of the wavefront, else layer by layer.
std::int64_t waves(const Problem& p, Form form);

}  // namespace rnnbench::fused
