#include "harness/findings.hpp"

#include <algorithm>
#include <utility>

#include "harness/finding_rules.hpp"

namespace rnnbench {
namespace {

/// What cannot be told from noise is not worth a sentence; a comparison asks for as much.
constexpr double least_share = 0.02;

bool explains_more(const Finding& a, const Finding& b) {
  return a.explains_s && (!b.explains_s || *a.explains_s > *b.explains_s);
}

}  // namespace

std::vector<Finding> findings_of(const CaseResult& result, const Profile& profile,
                                 const DeviceInfo& device, const Peaks* peaks) {
  std::vector<Finding> findings;
  if (!result.time || result.time->median <= 0) return findings;
  const double median = result.time->median;
  const Meaning meaning = meaning_of(result, profile, device, peaks);
  const Evidence evidence{result, profile, device, peaks, meaning, median};
  for (const Rule& rule : finding_rules())
    for (Finding& found : rule.find(evidence)) {
      if (found.explains_s) found.explains_s = std::min(*found.explains_s, median);
      if (found.explains_s && *found.explains_s < least_share * median) continue;
      found.id = rule.id;
      found.source = rule.source;
      findings.push_back(std::move(found));
    }
  std::stable_sort(findings.begin(), findings.end(), explains_more);
  return findings;
}

}  // namespace rnnbench
