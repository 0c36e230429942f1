// What a case's counters mean next to the ceilings that were measured on its device.
// docs/findings.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/device.hpp"
#include "harness/metrics.hpp"
#include "harness/result.hpp"

namespace rnnbench {

/// `peaks` may be null: then shares and bounds are unknown.
Meaning meaning_of(const CaseResult& result, const Profile& profile, const DeviceInfo& device,
                   const Peaks* peaks);

/// A metric's value; nothing where it has none or is not finite.
std::optional<double> value_of(const Metrics& metrics, const std::string& name);

/// ns of one launch of a kernel by activity records: of those that gave the counters, else of all.
std::optional<double> recorded_ns(const Metrics& metrics);

/// Matrix instructions (mma, wgmma) that ran; nothing where no counter tells them from HFMA2, by
/// which compilers move constants, on the tensor pipe too.
std::optional<double> matrix_instructions(const Metrics& metrics);

/// Bytes of the outputs that `p` wants.
double output_bytes(const Problem& p);

}  // namespace rnnbench
