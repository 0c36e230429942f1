// What a tuned choice holds for: this device, this implementation's code, this class of problems.
#pragma once

#include <map>
#include <string>

#include "harness/catalog.hpp"
#include "harness/runner.hpp"

namespace rnnbench {

/// Problems that share a choice: the id with T as `t1` or `tn`, since one step and many steps are
/// different work, and the number of steps beyond that is not. For many steps h_n and c_n, written
/// once a call, make no difference and are as by default; `output`, written at every step, does.
/// "gru-bi_b10_tn_i128_h256_l6_f32_want-hn".
std::string problem_class(const Problem& problem);

/// Where a choice holds, but for the code it was made with.
struct TuneKey {
  std::string device;   // "NVIDIA H200"
  int units = 0;        // SMs; on a CPU the threads used
  std::string driver;   // its version; empty on a CPU
  std::string impl;     // "cuda:fused"
  std::string mode;     // "eager" or "graph"
  std::string cache;    // hot, cold or rotate: what is fastest hot need not be so cold
  std::string options;  // other --option words, "streams=2"; mostly empty
  std::string problem_class;

  bool operator==(const TuneKey&) const = default;
};
TuneKey tune_key(const RunPlan& plan, const PlannedCase& planned, const Catalog& catalog);

/// "cuda:fused (graph, cache cold, streams=2)": all of a key but device and class.
std::string what_is_tuned(const TuneKey& key);

/// FNV-1a, 64 bit, of some bytes; `seed` is the hash of what came before them.
std::uint64_t fnv1a(std::string_view bytes, std::uint64_t seed = 0xcbf29ce484222325);

/// Hashes of the code that implementations come from; each file is read once.
class CodeHashes {
 public:
  /// `origin` as in Provider. Of a module or plug-in: its file's content. Of an external worker:
  /// its command, and the content of every file that is a word of it. "fnv1a64:…", or "" where the
  /// module or plug-in is gone.
  const std::string& of(const std::string& origin);

 private:
  std::map<std::string, std::string> known_;
};

}  // namespace rnnbench
