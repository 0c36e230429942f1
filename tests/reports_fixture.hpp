// A run with one case of every outcome, for the tests of the writers.
#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "harness/result.hpp"

namespace rnnbench {

inline const std::string hostile =
    "a|b \"c\", `d`\n# e\r\t\x1b[31m<b>&\xff\xc3 *f* \xe2\x80\xae \\";

inline CaseResult timed(const std::string& impl, double milliseconds, const std::string& problem) {
  CaseResult c;
  c.scenario = "gru_bidir";
  c.problem = parse_id(problem);
  c.impl = impl;
  c.device = impl.substr(0, impl.find(':'));

  c.outcome = Outcome::passed;
  c.reproduce = "rnnbench --scenario gru_bidir --impl " + impl;
  std::vector<double> seconds;
  for (int k = 0; k < 27; ++k) {
    seconds.push_back(milliseconds * 1e-3 * (1 + 0.001 * ((k * 7) % 27 - 13)));
    c.samples.push_back({k / 3, seconds.back(), seconds.back() * 1.01});
  }
  c.time = summarize(seconds);
  c.floor.seconds = 0.1;
  c.floor.bound = "flops";
  return c;
}

constexpr const char* bidir = "gru-bi_b10_t512_i128_h256_l6_f32_want-hn";

inline CaseResult untimed(const std::string& impl, Outcome outcome, const std::string& reason) {
  CaseResult c = timed(impl, 1, bidir);
  c.outcome = outcome;
  c.reason = reason;
  c.samples.clear();
  c.time.reset();
  return c;
}

/// Two that passed, of which one is a peer, and one of every other outcome.
inline RunResult one_of_each() {
  RunResult run;
  run.command = "rnnbench --scenario gru_bidir";
  run.started = "2026-01-02T03:04:05+0000";
  run.environment.facts = {{"host", "box"}, {"cores", "2"}, {"load average", "0.5 0.25 0.1 1/2 3"}};
  run.environment.devices.resize(1);
  run.environment.devices[0].clock_hz = 2.5e9;
  run.cases = {timed("cpu:naive", 987.6, bidir), timed("cpu:onednn", 345.6, bidir),
               timed("cpu:blas", 234.5, bidir)};
  run.cases[1].peer = true;
  run.cases.push_back(timed("cpu:lucky", 50, bidir));
  run.cases.back().outcome = Outcome::mistrusted;
  run.cases.back().reason = "h_0 has no effect";
  run.cases.push_back(untimed("cpu:wrong", Outcome::incorrect, "h_n[1,2,3]: got 1, expected 2"));
  run.cases.push_back(untimed("cpu:error", Outcome::failed, "no memory"));
  run.cases.push_back(untimed("cpu:dead", Outcome::crashed, "signal 11"));
  run.cases.push_back(untimed("cpu:hung", Outcome::timed_out, "no answer in 120 s"));
  run.cases.push_back(untimed("cpu:cannot", Outcome::unsupported, "no gru"));
  run.cases.push_back(untimed("cpu:slow", Outcome::over_budget, "over 5 s a run"));
  run.cases.back().projected_s = 12.5;
  run.cases.push_back(timed("cpu:blind", 70, bidir));
  run.cases.back().outcome = Outcome::unverified;
  return run;
}

template <class Writer>
inline std::string written(Writer writer, const RunResult& run) {
  std::ostringstream out;
  writer(out, run);
  return out.str();
}

}  // namespace rnnbench
