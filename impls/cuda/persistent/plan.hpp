// How cuda:persistent does a problem, and what its cost model predicts. Plain C++.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/device.hpp"
#include "harness/problem.hpp"

namespace rnnbench::persistent {

/// wavefront: one launch, all layers of a stack at once, both products inside. inside: one launch a
/// layer, both products inside. hoisted: a GEMM for the input products of a layer's steps, then one
/// launch.
enum class Form { wavefront, inside, hoisted };

struct Plan {
  Form form = Form::hoisted;
  int cluster = 1;  // blocks of a cluster: they share a layer's and direction's units
  int units = 4;    // of each block, a multiple of 4
  int k_lane = 4;   // which kernel: its registers cover 32 * k_lane values of h and of the input
  int slices = 1;   // of the batch, a cluster each
  int rows = 1;     // of the largest slice
  double step_s = 0, total_s = 0;  // predicted: one step, one call without the head
  bool inside() const { return form != Form::hoisted; }
  std::string config() const;  // "wavefront-c16-s1"
};

/// Rows of slice `slice`, and the row it begins with: as even as can be.
int rows_of(std::int64_t batch, int slices, int slice);
std::int64_t first_row_of(std::int64_t batch, int slices, int slice);

/// Why no cluster can hold the problem's weights; nothing where there are plans.
std::optional<std::string> refusal(const Problem& p, const DeviceInfo& device);

/// Every form that the problem takes, each with its best number of slices, the fastest by the model
/// first. Empty where there is a refusal.
std::vector<Plan> plans(const Problem& p, const DeviceInfo& device);

/// The plan of that name, which may have any number of slices that fits; throws UsageError with
/// those of `plans`.
Plan plan_named(const std::string& config, const Problem& p, const DeviceInfo& device);

/// Clusters of that many blocks that run at the same time.
int resident_clusters(int blocks, const DeviceInfo& device);

}  // namespace rnnbench::persistent
