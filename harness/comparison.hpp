// Whether one run is slower than another: verdicts that noise alone hardly ever gives.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/rank_test.hpp"
#include "harness/result.hpp"

namespace rnnbench {

/// Processes a side that a verdict needs: what one process got (where its memory lies, which cores
/// it ran on) it keeps, so its samples are no independent ones.
inline constexpr std::size_t fewest_processes = 9;
/// Rate of false discoveries that `slower` and `faster` are held to (rank_test.hpp).
inline constexpr double false_discovery_rate = 0.01;

enum class Verdict {
  slower,
  faster,
  same,            // the whole interval lies within the threshold
  too_noisy,       // neither shown to be the same nor to differ
  same_code,       // nothing that runs has changed: whatever differs is noise
  broken,          // had a time, has none any more
  mended,          // has one that it did not have
  not_comparable,  // measured elsewhere or otherwise
};
std::string_view name(Verdict verdict);  // "too noisy", "not comparable", ...

struct ComparisonOptions {
  double threshold = 0.02;  // changes of this share and less are none
  double noise_floor = 0;   // of machine and method: what two runs of the same code differ by
  std::map<std::string, double> noise_floors = {};  // by case, instead of it
  bool equal_code_rule = true;                      // gives `same_code`
  bool other_machine = false;                       // of the same kind: compare nevertheless
};

struct ComparedCase {
  std::string name;  // case_name
  std::string problem;
  std::string impl;  // "cuda:cublas (graph)"
  Verdict verdict = Verdict::not_comparable;
  std::string why;                      // of the verdict, one line; empty where the numbers say it
  std::optional<double> base_s, new_s;  // medians of the processes' medians
  std::size_t base_count = 0, new_count = 0;  // processes
  std::optional<PairedRatio> ratio;           // new over base: above 1 is slower
  std::optional<RankTest> test;
  double false_discoveries = 1;  // false_discovery_rates of its p in this comparison
  double gate = 0;               // what |ratio - 1| must exceed: threshold or noise floor
};

enum class ComparisonKind { two_runs, by_turns, commits };  // commits: of a history

struct Comparison {
  ComparisonOptions options;
  ComparisonKind kind = ComparisonKind::two_runs;
  std::vector<ComparedCase> cases;  // in the order of the base
  std::vector<std::string> only_base, only_new;
  std::vector<std::string> no_time;      // in both: what is mistrusted counts as such
  std::vector<std::string> differences;  // of environments: "git revision: a, b"
};

/// Fact of two runs that were made by turns (compare --interleave), the same in both. Rounds of the
/// same number followed each other: the interval is of their ratios, in which drift cancels.
inline constexpr const char* by_turns_fact = "by turns with another";

Comparison compare_runs(const RunResult& base, const RunResult& fresh,
                        const ComparisonOptions& options);

/// Medians of the processes that a case's samples come from, in the order of their rounds: one
/// where all come from one.
std::vector<double> process_medians(const RunResult& run, const CaseResult& result);

/// Fills the numbers of `one` from processes' medians.
void hold_against(ComparedCase& one, const std::vector<double>& base,
                  const std::vector<double>& fresh);

/// Verdicts for those cases (indices) whose numbers are there, as one family of tests.
void judge(Comparison& comparison, const std::vector<std::size_t>& tested);

/// By how much runs of the same code differ, for each case: the largest |ratio - 1| of two medians.
/// Throws UsageError for fewer than two runs, for runs that are not of the same code or cannot be
/// compared, or where no case has a time in two of them.
std::map<std::string, double> noise_floors(const std::vector<RunResult>& runs);

bool is_regression(Verdict verdict);  // slower or broken
bool is_decided(Verdict verdict);     // not too noisy, not `not_comparable`

/// A regression, or cases in which nothing was held against anything.
bool has_regression(const Comparison& comparison);
/// Something that could not be judged: a verdict that decides nothing, or a case that is gone.
bool is_undecided(const Comparison& comparison);

}  // namespace rnnbench
