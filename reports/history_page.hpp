// Trends over commits, as a page and for other tools.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "harness/history.hpp"

namespace rnnbench {

/// One self-contained page. `link` is the address of a commit with {} for its hash; empty: no
/// links.
void write_history_html(std::ostream& out, const std::vector<Trend>& trends,
                        const std::string& link);

/// For github-action-benchmark, tool customSmallerIsBetter: a list of name, value, unit, range,
/// extra. Times are in microseconds.
void write_github_benchmark(std::ostream& out, const std::vector<HistoryEntry>& entries);

}  // namespace rnnbench
