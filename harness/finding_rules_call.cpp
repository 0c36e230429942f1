// One function a rule about a call as a whole. A threshold stands in the rule that uses it;
// docs/findings.md says the same in words.
#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "harness/finding_functions.hpp"
#include "harness/finding_subject.hpp"
#include "harness/finding_text.hpp"

namespace rnnbench {
namespace {

/// How long no kernel runs in an eager call, where that is over a third of it.
Value host_wait(const Evidence& e) {
  if (e.device.kind != Device::cuda || e.result.mode != "eager" || !e.meaning.busy_s)
    return std::nullopt;
  // Kernels were recorded in calls that follow one another, on warm caches.
  if (e.result.cache != "hot") return std::nullopt;
  if (e.median <= 1.5 * *e.meaning.busy_s) return std::nullopt;
  return e.median - *e.meaning.busy_s;
}

/// Whether tensor cores multiplied nothing of `dtype`; unknown where no counter says. That their
/// pipe was busy does not: HFMA2 runs there too, and compilers move constants by it.
std::optional<bool> tensor_cores_idle(const Metrics& metrics, Dtype dtype) {
  if (const Value flops = value_of(metrics, matrix_flops_metric(dtype))) return *flops <= 0;
  if (const Value count = matrix_instructions(metrics)) return *count <= 0;
  return std::nullopt;
}

}  // namespace

Found host_bound(const Evidence& e) {
  const Value wait = host_wait(e);
  if (!wait) return {};
  const auto launches =
      e.meaning.launches ? fmt::format(" (there are {:.6g})", *e.meaning.launches) : "";
  return {says(fmt::format("Kernels run for {} of a call of {}; for the rest none does, and the "
                           "GPU waits for the host's launches, for copies or between kernels. Try "
                           "a graph (--graph), or fewer launches{}.",
                           seconds_text(*e.meaning.busy_s), seconds_text(e.median), launches),
               wait)};
}

Found launch_gaps(const Evidence& e) {
  const Meaning& m = e.meaning;
  const double steps = depth(e.result.problem);
  if (e.device.kind != Device::cuda || !m.launches || !m.gap_s || !m.span_s || *m.span_s <= 0)
    return {};
  // Profiling widens gaps: a timed call has none beyond what its kernels leave of the median.
  double gaps = *m.gap_s / *m.span_s;
  if (m.busy_s) gaps = std::min(gaps, std::max(0.0, 1 - *m.busy_s / e.median));
  if (*m.launches < steps || *m.launches < 2 || gaps < 0.1 || host_wait(e)) return {};
  const double explains = e.median * gaps;
  const bool eager = e.result.mode == "eager";
  return {says(fmt::format("The call makes {} for {} that must follow one another, and in {} of it "
                           "no kernel runs. {}ne persistent kernel for all steps, or launches that "
                           "overlap, would close the gaps.",
                           count_text(*m.launches, "launch"), count_text(steps, "step"),
                           share_text(gaps), eager ? "A graph (--graph), o" : "O"),
               explains)};
}

Found extra_stores(const Evidence& e) {
  const Value written = value_of(e.profile.region, "dram__bytes_write.sum");
  const double wanted = output_bytes(e.result.problem);
  if (e.device.kind != Device::cuda || !written || *written <= 2 * wanted ||
      *written - wanted <= megabyte)
    return {};
  Value explains;
  if (const Value rate = e.meaning.peak_bytes_per_s) explains = 2 * (*written - wanted) / *rate;
  return {says(fmt::format("{} are written to DRAM where the wanted outputs are {}: the rest is "
                           "intermediates (gates, input products, layers in between), or lines "
                           "evicted more than once. Fuse what makes an intermediate with what "
                           "reads it, or keep it on chip.",
                           bytes_text(*written), bytes_text(wanted)),
               explains)};
}

Found tensor_idle(const Evidence& e) {
  const Problem& p = e.result.problem;
  if (p.dtype == Dtype::f32) return {};
  const auto nowhere = tensor_cores_idle(e.profile.region, p.dtype);
  const Subject* longest = nullptr;
  const auto kernels = kernels_of(e);
  for (const Subject& kernel : kernels)
    if (kernel.seconds && (!longest || *kernel.seconds > *longest->seconds)) longest = &kernel;
  // The longest kernel may be one without products: then another one has tensor cores at work.
  if (e.device.kind != Device::cuda || !longest || !nowhere || !*nowhere ||
      tensor_cores_idle(longest->metrics, p.dtype) == false)
    return {};
  Value explains;
  if (e.peaks && e.meaning.peak_flops_per_s) {
    const auto f32 = e.peaks->gemm_flops_per_s.find("f32");
    if (f32 != e.peaks->gemm_flops_per_s.end())
      explains = longest->part(1 - f32->second / *e.meaning.peak_flops_per_s);
  }
  Finding finding = says(
      fmt::format(
          "The problem is in {}, and no tensor core multiplied in that type while {} and the "
          "other kernels ran. mma instructions (for few batch rows mma.sync with 8 columns), or a "
          "library call in {} math, would make the products there.",
          name(p.dtype), longest->name, name(p.dtype)),
      explains);
  finding.kernel = longest->id;
  return {finding};
}

Found throttled(const Evidence& e) {
  const auto state = [&](std::string_view label) -> std::string {
    for (const auto& [key, value] : e.result.device_state)
      if (key == label) return value;
    return {};
  };
  const std::string reasons = state("throttled by"), clock = state("SM clock");
  if (reasons.empty() || reasons == "none") return {};
  double now = 0, most = 0;
  Value explains;
  if (std::sscanf(clock.c_str(), "%lf of %lf", &now, &most) == 2 && now > 0 && now < most)
    explains = e.median * (1 - now / most);
  return {says(fmt::format("The clock was held down by {}{}: these times are long for this device. "
                           "Measure again when it is idle and cool, or with its limits raised.",
                           reasons, clock.empty() ? "" : fmt::format(" (SM clock {})", clock)),
               explains)};
}

}  // namespace rnnbench
