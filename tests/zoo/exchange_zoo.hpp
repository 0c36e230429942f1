// Exchanges of h that go wrong, for tests of what notices: build/tests/exchange_zoo.so.
#pragma once

namespace rnnbench::zoo {

enum class Mistake : int { none, one_value, one_value_at_the_end, silent, silent_cluster };

/// As exchange::Report.
struct Seen {
  unsigned gave_up, wrong, rounds_run;
};

inline constexpr int blocks = 2, rounds = 20, bad_round = 7;

/// Two blocks, 20 rounds of 4 KiB; all values are looked at, but for one_value_at_the_end.
/// Returns a cudaError_t. The library has it as "rnnbench_exchange_zoo".
using Run = int (*)(Mistake mistake, Seen* seen);

}  // namespace rnnbench::zoo
