// The part of results.json that Google Benchmark's tools read.
#pragma once

#include <string>
#include <vector>

#include "reports/schema.hpp"

namespace rnnbench {

/// Samples of one case that are written one by one; a case with more has aggregates only, and all
/// of its samples under "rnnbench".
inline constexpr std::size_t most_iterations = 100;

/// The "context" object.
schema::Json benchmark_context(const RunResult& run);

/// Entries of one case, the `index`-th: its samples and aggregates, or one error. real_time is
/// device time and cpu_time the host clock around the call and a device-wide synchronisation, both
/// in ms.
std::vector<schema::Json> benchmark_entries(const CaseResult& result, std::size_t index);

}  // namespace rnnbench
