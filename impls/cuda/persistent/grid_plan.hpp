// How the `grid` strategy of cuda:persistent does a problem, and what its cost model predicts.
#pragma once

#include "impls/cuda/persistent/plan.hpp"

namespace rnnbench::persistent {

/// Why the device's SMs do not hold the problem's weights; nothing where there are plans.
std::optional<std::string> grid_refusal(const Problem& p, const DeviceInfo& device);

/// One for each tile that holds the problem, with its best number of slices.
std::vector<Plan> grid_plans(const Problem& p, const DeviceInfo& device);

/// The plan of that name, which may have any number of slices that fits.
std::optional<Plan> grid_plan_named(const std::string& config, const Problem& p,
                                    const DeviceInfo& device);

/// One step of a group of blocks that has that many rows of the batch. shared_sms: while each SM
/// has a block of another group too.
double grid_step_s(const GridTile& tile, Math math, int gates, int hidden, int rows,
                   bool shared_sms);
/// A launch, beside its steps.
inline constexpr double grid_launch_s = 14e-6;

}  // namespace rnnbench::persistent
