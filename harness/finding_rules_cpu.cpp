// One function a rule about a call on a CPU. A threshold stands in the rule that uses it;
// docs/findings.md says the same in words.
#include <fmt/format.h>

#include <cmath>
#include <string>

#include "harness/finding_functions.hpp"
#include "harness/finding_subject.hpp"
#include "harness/finding_text.hpp"

namespace rnnbench {
namespace {

Value on_cpu(const Evidence& e, const char* metric) {
  return e.device.kind == Device::cpu ? value_of(e.profile.region, metric) : std::nullopt;
}

}  // namespace

Found low_ipc(const Evidence& e) {
  const Value cycles = on_cpu(e, "cycles"), instructions = on_cpu(e, "instructions");
  if (!cycles || !instructions || *cycles <= 0) return {};
  const double ipc = *instructions / *cycles;
  if (ipc >= 1) return {};
  return {says(fmt::format("{:.2f} instructions a cycle, where cores can do several: most often "
                           "they wait for memory. Keep weights in cache between steps (smaller "
                           "dtype, rows blocked for the cache), or use fewer threads.",
                           ipc),
               e.median * (1 - ipc))};
}

Found cache_misses(const Evidence& e) {
  constexpr double line = 64;  // bytes, on every CPU that this builds for
  const Value misses = on_cpu(e, "cache-misses"), references = on_cpu(e, "cache-references");
  if (!misses || !references || *references <= 0) return {};
  const double share = *misses / *references, bytes = *misses * line;
  if (share <= 0.2 || bytes <= megabyte) return {};
  std::string at_least;
  if (e.meaning.peak_bytes_per_s)
    at_least = fmt::format(", {} at the measured copy bandwidth",
                           seconds_text(bytes / *e.meaning.peak_bytes_per_s));
  return {says(fmt::format("{} of the last-level cache's accesses miss: {} in lines of 64 bytes{}. "
                           "Block the products so that weights are used for several rows or steps "
                           "while they are in cache.",
                           share_text(share), bytes_text(bytes), at_least),
               std::nullopt)};
}

Found context_switches(const Evidence& e) {
  const Value switches = on_cpu(e, "context-switches");
  if (!switches || *switches < 1) return {};
  return {says(fmt::format("{} during one call: other work took the cores, or threads slept while "
                           "they waited for one another. Measure on an idle machine, or with no "
                           "more threads than cores.",
                           count_text(std::round(*switches), "context switch")),
               std::nullopt)};
}

Found page_faults(const Evidence& e) {
  const Value faults = on_cpu(e, "page-faults");
  if (!faults || *faults < 16) return {};  // fewer are stacks and libraries
  return {says(fmt::format("{} during one call: it touches memory that it did not have in the call "
                           "before. Allocate work space once, when the kernel is made.",
                           count_text(std::round(*faults), "page fault")),
               std::nullopt)};
}

}  // namespace rnnbench
