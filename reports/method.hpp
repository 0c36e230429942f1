// How a run was measured and on what, in words that every writer shares.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "harness/result.hpp"

namespace rnnbench {

/// What scenarios that were measured alike share.
struct Method {
  std::string of;   // "gru on cuda:0, lstm on cpu"; empty where all are alike
  std::string how;  // sentences
};
std::vector<Method> methods(const std::vector<PlanProtocol>& all);

/// The machine: label and value.
std::vector<std::pair<std::string, std::string>> environment_lines(const Environment& e);

}  // namespace rnnbench
