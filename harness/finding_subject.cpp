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
  const Value range = (*this)["gpu__time_duration.sum"], own = (*this)["rnnbench__launch_time"];
  if (!read || !range || !own || *own <= 0 || *range <= *own) return read;
  return std::min(100.0, *read * *range / *own);
}

std::vector<Subject> kernels_of(const Evidence& e) {
  std::vector<Subject> subjects;
  for (std::size_t k = 0; k < e.profile.kernels.size(); ++k) {
    const KernelMetrics& kernel = e.profile.kernels[k];
    Value seconds = e.meaning.kernels[k].point.seconds;
    if (seconds) seconds = std::min(*seconds, e.median);
    subjects.push_back(
        {kernel.metrics, kernel.name, short_kernel_name(kernel.name), kernel.launches, seconds});
  }
  return subjects;
}

}  // namespace rnnbench
