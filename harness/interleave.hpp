// Two builds run by turns: what the machine does in the meantime happens to both.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "harness/result.hpp"

namespace rnnbench {

struct InterleavePlan {
  std::string programs[2];             // rnnbench of either build: base, new
  std::vector<std::string> arguments;  // of a run: "--scenario", "gru"
  int rounds = 9;
  std::uint64_t seed = 1;        // of who goes first in a round
  std::filesystem::path folder;  // for each process's results: made, and removed with all in it
};

/// Reads a results.json; of reports/writers.hpp, which the engine does not see.
using ReadRun = std::function<RunResult(const std::filesystem::path&)>;

/// Each round starts both programs once, in an order drawn anew; the first round verifies. Gives
/// back a run for each side, whose rounds are processes (Protocol::fresh_workers). Throws
/// UsageError naming a program that cannot be started or refuses its arguments, Error where one
/// ends otherwise, Interrupted on Ctrl-C.
std::vector<RunResult> interleave(const InterleavePlan& plan, const ReadRun& read,
                                  const std::function<void(int round, const std::string&)>& say);

}  // namespace rnnbench
