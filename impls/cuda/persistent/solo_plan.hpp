// How the `solo` strategy of cuda:persistent does a problem, and what its cost model predicts.
#pragma once

#include "impls/cuda/persistent/plan.hpp"
#include "impls/cuda/persistent/solo_shapes.hpp"

namespace rnnbench::persistent {

/// Why one block does not hold the problem's weights; nothing where there are plans.
std::optional<std::string> solo_refusal(const Problem& p, const DeviceInfo& device);

/// One, with its best number of slices; none where there is a refusal.
std::vector<Plan> solo_plans(const Problem& p, const DeviceInfo& device);

/// The plan of that name, which may have any number of slices that fits.
std::optional<Plan> solo_plan_named(const std::string& config, const Problem& p,
                                    const DeviceInfo& device);

/// One step of a block that has that many rows of the batch, in clocks of an SM.
double solo_step_clocks(const SoloShape& shape, int rows);

}  // namespace rnnbench::persistent
