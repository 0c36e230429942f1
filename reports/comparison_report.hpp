// A comparison of two runs, for people and for programs.
#pragma once

#include <iosfwd>

#include "harness/comparison.hpp"
#include "reports/writers.hpp"

namespace rnnbench {

/// The changes first, then what is the same; in the end a sentence that counts verdicts.
void write_comparison_console(std::ostream& out, const Comparison& comparison,
                              const ConsoleStyle& style);

/// For a pull request or a job's summary.
void write_comparison_markdown(std::ostream& out, const Comparison& comparison);

/// All numbers; docs/comparing.md names the fields.
void write_comparison_json(std::ostream& out, const Comparison& comparison);

/// "2 slower, 1 faster, 8 same, 1 too noisy"
std::string counts_of(const Comparison& comparison);

}  // namespace rnnbench
