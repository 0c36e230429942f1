#include "harness/finding_subject.hpp"

#include "harness/finding_text.hpp"

namespace rnnbench {

Finding says(std::string sentence, Value explains_s) {
  Finding finding;
  finding.sentence = std::move(sentence);
  finding.explains_s = explains_s;
  return finding;
}

Value Subject::rate(const char* metric) const {
  const Value read = (*this)[metric];
  const Value range = (*this)["gpu__time_duration.sum"];
  const Value own = recorded_ns(metrics);
  // A range adds 1 to 2 us. What it takes longer beyond that is another thing, and no reason to
  // show a rate as higher than it was read.
  constexpr double most_added_ns = 5000;
  if (!read || !range || !own || *own <= 0 || *range <= *own || *range > *own + most_added_ns)
    return read;
  return std::min(100.0, *read * *range / *own);
}

std::vector<Subject> kernels_of(const Evidence& e) {
  std::vector<Subject> subjects;
  for (std::size_t k = 0; k < e.profile.kernels.size(); ++k) {
    const KernelMetrics& kernel = e.profile.kernels[k];
    Value seconds = e.meaning.kernels[k].point.seconds;
    if (const Value mean = value_of(kernel.metrics, "rnnbench__launch_time"))
      seconds = 1e-9 * *mean * kernel.launches;
    if (seconds) seconds = std::min(*seconds, e.median);
    subjects.push_back(
        {kernel.metrics, kernel.name, short_kernel_name(kernel.name), kernel.launches, seconds});
  }
  return subjects;
}

}  // namespace rnnbench
