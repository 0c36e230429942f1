// Numbers that the profiler gives and that would be wrong here: which, and why. No CUDA header.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/metrics.hpp"

namespace rnnbench::cupti {

/// Of a region: gpu__time_duration has the range's own time in it (30 to 40 us on an H200, CUDA
/// 13.0), and so has what is divided by elapsed time or cycles. Why `name` is not read for a call
/// of `span_s` seconds (0: unknown); empty where it may be: a rate is then at most 5 % low.
std::string why_withheld(std::string_view name, double span_s);

/// Of a launch that is replayed alone: memory is saved and restored between passes, which leaves
/// the caches in a state that no real call has. Why a counter is not read then: empty for counts of
/// instructions, which depend neither on caches nor on time.
std::string why_not_alone(std::string_view name);

/// SASS counters count by patched code, and are 0 where it could not be patched. This one is never
/// 0 where they count.
inline constexpr const char* sass_witness = "sm__sass_inst_executed.sum";
bool is_sass(std::string_view name);

/// `names` with the witness where one of them needs it.
std::vector<std::string> with_witness(std::vector<std::string> names);

/// Takes the values of SASS counters away where the witness counted nothing or was not read, and
/// the witness's where it is not among `asked`.
void judge_sass(const std::vector<std::string>& asked, Metrics& metrics);

}  // namespace rnnbench::cupti
