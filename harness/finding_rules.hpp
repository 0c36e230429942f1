// The table of rules behind findings_of.
#pragma once

#include <span>
#include <vector>

#include "harness/findings.hpp"
#include "harness/roofline.hpp"

namespace rnnbench {

/// What a rule sees of one case.
struct Evidence {
  const CaseResult& result;
  const Profile& profile;
  const DeviceInfo& device;
  const Peaks* peaks;  // may be null
  const Meaning& meaning;
  double median;  // over 0
};

/// `find` fills in everything but id and source; where a number it needs has no value, it finds
/// nothing.
struct Rule {
  const char* id;
  const char* source;
  std::vector<Finding> (*find)(const Evidence&);
};

std::span<const Rule> finding_rules();

}  // namespace rnnbench
