// Comparing outputs with the float64 reference.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/reference.hpp"
#include "harness/result.hpp"

namespace rnnbench {

/// Allowed error and the rule it came from, in words that go into the result.
struct Tolerance {
  double value = 0;
  double rounding = 0;  // the part that f32 sums explain
  std::string rule;
};

/// max(4·ceil(log2(K·T)), 2·sqrt(K))·2^-23·L with K the longest product, plus 2^-15·L for
/// approximated activations in f32, or 8·eps·L in a coarser type; `--rtol`/`--atol` replace it.
Tolerance tolerance_for(const Problem& p, const Protocol& protocol);

/// Compares one output: every element finite and
/// |got - want| <= tolerance * max(|want|, scale) + atol, scale = the root mean square of `want`,
/// or 1/4 where that is larger. Returns the largest relative error; on a violation (the first)
/// fills `why` with tensor, index, got and expected.
double compare(const TensorSpec& spec, const float* got, const double* want, double tolerance,
               double atol, std::string& why);

/// Bit for bit; on a difference fills `why`.
bool same_bits(const TensorSpec& spec, const float* first, const float* again, std::string& why);

/// Share of exact zeros: outputs that are mostly zero match too much.
double zero_share(const std::vector<double>& values);

}  // namespace rnnbench
