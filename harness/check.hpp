// Checked calls: a worker's outputs against the expected ones.
#pragma once

#include <string>

#include "harness/problem_data.hpp"
#include "harness/remote.hpp"
#include "harness/verify.hpp"

namespace rnnbench {

/// The outputs, or what else was touched, are wrong; the message names the first place.
class Incorrect : public Error {
 public:
  using Error::Error;
};

/// A made kernel in a worker, and the problem it was made for: `data.problem()`, or that problem
/// with fewer outputs wanted.
struct Subject {
  Remote& worker;
  std::string key;
  const Problem& problem;
  const ProblemData& data;
};

/// Where the subject's outputs are fetched to, filled with NaN first: a worker that fetches nothing
/// must not pass on old values.
std::vector<TensorPlace> poisoned_places(const Subject& subject);

/// Compares the outputs fetched last with `want`; updates `record`; throws Incorrect.
void check_fetched(const Subject& subject, const Reference& want, const Protocol& protocol,
                   const std::string& label, Verification& record);

/// One call on input set `set`, checked against `want`. Returns its wall time in seconds.
double check_call(const Subject& subject, int set, bool reset, const Reference& want,
                  const Protocol& protocol, const std::string& label, Verification& record);

/// Repeats a call `times` times; every output must agree bit for bit with the first.
void check_bitwise(const Subject& subject, int times);

/// Why passing this problem's check says little, or nothing: outputs that are mostly zero.
std::string reason_for_mistrust(const Problem& p, const Reference& reference);

/// Whether two answers differ by more than `tolerance` anywhere.
bool distinguishable(const Reference& a, const Reference& b, double tolerance);

}  // namespace rnnbench
