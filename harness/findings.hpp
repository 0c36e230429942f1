// What a case's numbers say in sentences: what was seen, what it means here, what to try.
// docs/findings.md lists the rules.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/device.hpp"
#include "harness/metrics.hpp"
#include "harness/result.hpp"

namespace rnnbench {

struct Finding {
  std::string id;        // of the rule: "idle-chip"
  std::string sentence;  // at most three short ones
  /// Seconds of the median that it may explain: an upper estimate by the rule's own formula, and
  /// estimates of several findings overlap. Nothing where the numbers give none.
  std::optional<double> explains_s;
  std::string source;  // what the rule rests on
  std::string kernel;  // as in KernelMetrics; empty: the call as a whole

  bool operator==(const Finding&) const = default;
};

/// The largest explains_s first, those without one last. A finding that would explain less than 2 %
/// of the median is left out, as is all where nothing was timed. `peaks` may be null.
std::vector<Finding> findings_of(const CaseResult& result, const Profile& profile,
                                 const DeviceInfo& device, const Peaks* peaks);

}  // namespace rnnbench
