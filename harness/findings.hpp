// What a case's numbers say in sentences: what was seen, what it means here, what to try.
// docs/findings.md lists the rules.
#pragma once

#include <vector>

#include "harness/device.hpp"
#include "harness/metrics.hpp"
#include "harness/result.hpp"

namespace rnnbench {

/// The largest explains_s first, those without one last. A finding that would explain less than 2 %
/// of the median is left out, as is all where nothing was timed. `peaks` may be null.
std::vector<Finding> findings_of(const CaseResult& result, const Profile& profile,
                                 const DeviceInfo& device, const Peaks* peaks);

}  // namespace rnnbench
