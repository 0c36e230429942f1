// What report.html shows, as the data that its scripts read.
#pragma once

#include <string>
#include <vector>

#include "harness/result.hpp"
#include "reports/schema.hpp"

namespace rnnbench {

struct NamedRun {
  std::string name;  // told apart by, where there are several
  const RunResult* run = nullptr;
};

/// {title, runs, sections, cases}; every text is clean (reports/text.hpp), and numbers for people
/// are those of the other writers. Of each case at most 100 samples, evenly spread.
schema::Json page_data(const std::vector<NamedRun>& runs);

}  // namespace rnnbench
