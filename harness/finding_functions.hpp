// The function of each rule in the table; finding_rules.hpp says what they may do.
#pragma once

#include <vector>

#include "harness/finding_rules.hpp"

namespace rnnbench {

// finding_rules_kernel.cpp
std::vector<Finding> idle_chip(const Evidence& e);
std::vector<Finding> register_bound(const Evidence& e);
std::vector<Finding> spilling(const Evidence& e);
std::vector<Finding> weights_miss_l2(const Evidence& e);
std::vector<Finding> low_occupancy(const Evidence& e);
std::vector<Finding> dram_bound(const Evidence& e);
std::vector<Finding> compute_bound(const Evidence& e);
std::vector<Finding> exchange_bound(const Evidence& e);
std::vector<Finding> tail_effect(const Evidence& e);
std::vector<Finding> partial_warps(const Evidence& e);

// finding_rules_call.cpp
std::vector<Finding> host_bound(const Evidence& e);
std::vector<Finding> launch_gaps(const Evidence& e);
std::vector<Finding> extra_stores(const Evidence& e);
std::vector<Finding> tensor_idle(const Evidence& e);
std::vector<Finding> throttled(const Evidence& e);

// finding_rules_cpu.cpp
std::vector<Finding> low_ipc(const Evidence& e);
std::vector<Finding> cache_misses(const Evidence& e);
std::vector<Finding> context_switches(const Evidence& e);
std::vector<Finding> page_faults(const Evidence& e);

}  // namespace rnnbench
