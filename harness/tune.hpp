// The tuner: measures the candidates of one case as a run measures implementations, and replaces
// the model's default only by one that gains enough, twice.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/runner.hpp"
#include "harness/tune_cache.hpp"

namespace rnnbench {

/// A candidate's time over the default's that is worth a change: 2 % less.
inline constexpr double worth_a_change = 0.98;
/// Rounds that say anything about the next ones.
inline constexpr std::size_t fewest_rounds_to_judge = 3;

struct TuneOptions {
  std::uint64_t seed = 1;  // of the order of turns
  bool a_a = false;        // every candidate is the default again: must never switch
};

/// One candidate and what became of it.
struct TuneRow {
  Candidate candidate;
  CaseResult result;
  std::optional<PairedRatio> ratio;  // to the default; none where either has no time
  std::string verdict;               // in words
};

/// One case from its candidates to the choice.
struct Tuning {
  std::string name;  // of the case
  TuneKey key;
  std::string code, origin;           // as in TuneEntry
  CaseResult subject;                 // scenario, problem, device, impl, mode; no times
  std::vector<TuneRow> rows;          // the default first; none where an entry was kept
  std::vector<CaseResult> confirmed;  // the default and the winner, measured again; or nothing
  std::optional<PairedRatio> confirmation;
  std::optional<TuneEntry> entry;  // the choice; nothing where there could be none
  std::string kept;                // why nothing was measured: an entry that was there
  std::string remark;              // the outcome in one sentence
};

/// Faster by 2 % at least, outside the noise: the whole interval lies below.
bool gains_enough(const PairedRatio& ratio);

/// The two compared over the rounds that both have; nothing where one has not passed, or where
/// these are fewer than `fewest_rounds_to_judge`.
std::optional<PairedRatio> compare(const CaseResult& candidate, const CaseResult& baseline);

/// Measures the candidates of `planned`, which must be supported. Whatever goes wrong is in the
/// rows; Interrupted passes through. `say` hears what is being done.
Tuning tune_case(const RunPlan& plan, const PlannedCase& planned, Catalog& catalog, Rounds& rounds,
                 CodeHashes& hashes, const TuneOptions& options,
                 const std::function<void(const std::string&)>& say);

/// Whether a candidate was incorrect, failed, crashed or timed out: a fault of its implementation.
bool has_wrong_candidate(const Tuning& tuning);

}  // namespace rnnbench
