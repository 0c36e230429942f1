// The numbers and words that every writer shows, worked out in one place.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/result.hpp"

namespace rnnbench {

/// One implementation in a table. Numbers are absent where there is no time to work them out from.
struct Row {
  const CaseResult* result = nullptr;
  std::size_t index = 0;           // in run.cases
  std::string label;               // "cuda:cublas", "cuda:cublas (graph)"
  std::optional<double> median_s;  // none unless passed, mistrusted or unverified
  std::optional<double> speedup;   // baseline's median / median
  std::optional<double> flops_per_s;
  std::optional<double> floor_share;  // floor / median
  bool fastest = false;
};

/// The rows of one problem and scenario, in the order of the run.
struct Section {
  std::string scenario;
  Problem problem;
  std::string problem_id;
  std::vector<Row> rows;
  /// The fastest of cuDNN's algorithms that passed, once more: which one it is changes from problem
  /// to problem, and it is what others are to be compared with. Not in a table without cuDNN.
  std::optional<Row> best_cudnn;
  /// What speed-ups are over, "" where nothing was timed. It is the fastest passed peer in this
  /// dtype or a more accurate one; without a peer, the slowest implementation that passed. Where
  /// none passed because nothing was verified, unverified ones stand in.
  std::string baseline;
  std::string baseline_rule;  // "the fastest peer" or "the slowest; no peer was timed"
  double baseline_s = 0;
};

/// In the order in which problems first appear. `run` must outlive what is returned.
std::vector<Section> sections(const RunResult& run);

/// A row's columns as text; "-" where there is no number.
struct RowText {
  std::string label, median, interval, speedup, gflops, floor_share, outcome;
};
RowText text_of(const Row& row);

/// Lines for under a row: who chose its configuration, why it did not pass, its projection (marked
/// as one), its warnings.
std::vector<std::string> remarks(const CaseResult& result);

/// What a row's counters say in short, where it is the fastest: "counters of one call: ...", and
/// the findings that explain most.
std::vector<std::string> metric_lines(const Row& row);

/// What was to be counted and has no value in any case, a line for each reason: the metrics that
/// were asked for by name, and where nothing was counted at all, those of a level too.
std::vector<std::string> counters_notes(const RunResult& run);

/// "24.2 GFLOP, 12.3 MB"
std::string work_line(const Problem& p);

/// "floor: cpu 171.0 ms (flops), cuda 2.101 ms (latency, 8 units)"
std::string floor_line(const Section& section);

/// "cache hot, 9 rounds"
std::string conditions_line(const Section& section);

/// "speed-up over cpu:onednn (the fastest peer)"
std::string baseline_line(const Section& section);

/// Which is fastest, by how much, how far from the floor; and how many cases passed.
std::string conclusion(const RunResult& run, const std::vector<Section>& sections);

}  // namespace rnnbench
