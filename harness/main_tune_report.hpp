// What a tune found, as tables for people and as tune.json for programs.
#pragma once

#include <string>
#include <vector>

#include "harness/cli.hpp"
#include "harness/tune.hpp"

namespace rnnbench {

/// One case: a row for each candidate, and the choice. `kept_in`: what became of it, or empty.
std::string tuning_table(const Tuning& tuning, const std::string& kept_in);

/// The whole tune: every candidate with its verdict and its CaseResult, samples and all.
std::string tuning_json(const CommandLine& line, const std::string& started, bool interrupted,
                        const Environment& environment, const std::vector<PlanProtocol>& protocols,
                        const std::vector<Tuning>& tunings);

/// Entries of the cache as lines of equal columns, the heading first.
std::vector<std::string> entry_lines(const std::vector<TuneEntry>& entries, CodeHashes& hashes);

}  // namespace rnnbench
