// Google Benchmark as the clockwork: rounds of registered benchmarks with manual time.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace rnnbench {

/// One case's turn in a round: `run` takes the number of samples and returns their seconds.
struct Turn {
  std::string name;  // "gru_bidir/gru-bi_b10_…/cpu:blas"
  int samples = 1;
  std::function<std::vector<double>(int)> run;
};

/// --benchmark_* flags: those that span rounds are ours, the rest goes to Google Benchmark.
struct BenchmarkFlags {
  std::string out, out_format = "json", format;
  bool list_tests = false;
  std::string filter, min_time;  // mapped to --filter and --min-time
  std::vector<std::string> handed_on;
};
/// Throws UsageError on a flag that is malformed.
BenchmarkFlags read_benchmark_flags(const std::vector<std::string>& arguments);

/// Runs rounds and keeps every run, so that --benchmark_out holds all rounds in one file (a second
/// RunSpecifiedBenchmarks of the library would overwrite the first one's).
class Rounds {
 public:
  /// Throws UsageError on a flag Google Benchmark does not know.
  explicit Rounds(const BenchmarkFlags& flags);
  ~Rounds();

  /// Registers the turns in the order given, runs them once and clears them. A turn that throws is
  /// an error in Google Benchmark's own results; the other turns still run.
  void round(const std::vector<Turn>& turns);

  /// Writes all rounds as --benchmark_out and --benchmark_format asked, with the library's own
  /// reporters. Throws Error when the file cannot be written.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace rnnbench
