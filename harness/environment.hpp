// Where a run happened: facts that decide whether two results may be compared.
#pragma once

#include <string>
#include <vector>

#include "harness/result.hpp"

namespace rnnbench {

/// CPU, memory, operating system and build, as label and value. Unknown facts say "unknown".
std::vector<std::pair<std::string, std::string>> environment_facts();

/// Local time with its zone, ISO 8601: "2026-01-31T12:00:00+0100".
std::string now_iso();

/// Processes that ran or waited to run, averaged over the last minute.
double load_average();

/// "" or, where other work takes a fifth of the cores or more, a warning in one line. Looks for 0.1
/// s.
std::string busy_machine();

}  // namespace rnnbench
