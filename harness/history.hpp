// Results over commits: what is kept of each, its trends, and whether a new one stands out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/change_points.hpp"
#include "harness/comparison.hpp"
#include "harness/result.hpp"

namespace rnnbench {

/// One number of one case at one commit.
struct HistoryEntry {
  std::string commit;   // 40 hex digits, or whatever --commit said
  std::string time;     // ISO 8601: of the commit where --time gave it, else when it was measured
  std::string machine;  // what it holds for: "NVIDIA H200, 132 SMs, driver 580.159.04"
  std::string scenario, problem, impl, mode;  // of a resource: the kernel in `impl`
  std::string measure;                        // "time", "instructions a step", "registers", ...
  std::string unit;                           // "s" or ""
  double value = 0, low = 0, high = 0;        // low, high: 95 % interval; equal where it is exact
  std::vector<double> processes;              // medians of each process; none where it is exact

  bool operator==(const HistoryEntry&) const = default;
};

/// Commit, machine, case and measure: what is there once.
std::string identity(const HistoryEntry& entry);
/// The same without the commit.
std::string series_of(const HistoryEntry& entry);

/// The commit that a run was built of; "" where it does not say, or sources were changed.
std::string commit_of(const RunResult& run);

/// By their times; as text where one is no ISO 8601.
bool is_earlier(const HistoryEntry& a, const HistoryEntry& b);

/// Everything of a run that has a time, and instructions where a CPU case has counted them. An
/// empty `commit` is the run's own, an empty `time` when it was started.
std::vector<HistoryEntry> entries_of(const RunResult& run, const std::string& commit,
                                     const std::string& time);

/// A series over commits, in the order of their times.
struct Trend {
  std::vector<HistoryEntry> entries;
  std::vector<ChangePoint> changes;  // `at` is an index into entries
};
/// `least`: share below which a change is none.
std::vector<Trend> trends(std::vector<HistoryEntry> entries, double least);

/// What the latest commit that measured a scenario on this machine had a time of: cases of the run
/// that have none (`broken`), and those that it did not run at all, by name.
struct Lost {
  std::vector<ComparedCase> broken;
  std::vector<std::string> missing;
};
Lost lost_cases(const std::vector<HistoryEntry>& store, const RunResult& run);

/// Commits that it takes to know how far runs of the same code differ on a machine.
inline constexpr std::size_t fewest_commits = 5;

/// How far a further run may lie from the median of these: one in a hundred of normal ones lies
/// further. From the deviation that a quarter of them exceeds, which one outlier does not move.
/// Needs `fewest_commits` values above 0.
double prediction_gate(const std::vector<double>& values);

/// Each case of `fresh` against the commits since its last change, at most `last` of them and not
/// its own: their processes together. Its noise floor is the larger of that of `options` and their
/// prediction_gate; with fewer than `fewest_commits` and no floor in `options` there is no verdict.
/// Cases without history are in `only_new`.
Comparison check_against(const std::vector<HistoryEntry>& store,
                         const std::vector<HistoryEntry>& fresh, std::size_t last,
                         const ComparisonOptions& options);

}  // namespace rnnbench
