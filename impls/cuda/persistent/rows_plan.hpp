// How the `rows` strategy of cuda:persistent does a problem, and what its cost model predicts.
#pragma once

#include "impls/cuda/persistent/plan.hpp"
#include "impls/cuda/persistent/rows_shapes.hpp"

namespace rnnbench::persistent {

/// Why the device's SMs do not hold the problem's weights, or not for so many rows; nothing where
/// there are plans.
std::optional<std::string> rows_refusal(const Problem& p, const DeviceInfo& device);

/// One for each number of units of a block, with its best number of slices.
std::vector<Plan> rows_plans(const Problem& p, const DeviceInfo& device);

/// The plan of that name, which may have any number of slices that fits.
std::optional<Plan> rows_plan_named(const std::string& config, const Problem& p,
                                    const DeviceInfo& device);

/// One step of a group of blocks, at that many clocks a second.
double rows_step_s(const RowsShape& shape, int hidden, double clock_hz);

}  // namespace rnnbench::persistent
