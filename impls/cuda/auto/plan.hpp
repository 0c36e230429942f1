// Which implementation cuda:auto takes for a problem: the one whose own model says least. Plain
// C++.
#pragma once

#include <string>
#include <vector>

#include "harness/device.hpp"
#include "harness/problem.hpp"

namespace rnnbench::automatic {

struct Choice {
  std::string impl;    // "fused": without the device
  double total_s = 0;  // predicted: one call as a graph, without the head
};

/// persistent and fused where they have a plan for the problem, and cublas, which has one for all;
/// the fastest first.
std::vector<Choice> choices(const Problem& p, const DeviceInfo& device);

/// What cuda:cublas takes as a graph, layer by layer or as a wavefront.
double cublas_s(const Problem& p, const DeviceInfo& device);

}  // namespace rnnbench::automatic
