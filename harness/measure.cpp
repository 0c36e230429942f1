#include "harness/measure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>

#include "harness/runner.hpp"
#include "harness/verification.hpp"

namespace rnnbench {
namespace {

using Clock = std::chrono::steady_clock;

/// A case whose calls are long gets fewer rounds rather than minutes of them.
constexpr double longest_case_s = 8;
constexpr int most_samples = 5000;  // a turn: more would only make files long
/// Measured ceilings carry error, but no call takes half of what they allow.
constexpr double impossible = 0.5;
constexpr int fewest_rounds = 3;
constexpr double longest_warm_up_s = 0.2;
constexpr double stable = 0.02;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::vector<int> timing_sets() { return {1, 2, 0}; }

std::vector<Sample> timed(Remote& worker, LiveCase& live, int discard, int samples,
                          const std::string& cache, bool warmup = false) {
  const Timed result = worker.time(timed_key, discard, samples, cache, timing_sets(), warmup);
  live.last_set = result.last_set;
  live.empty_wait_s = std::max(live.empty_wait_s, result.empty_wait_s);
  if (!result.violation.empty()) throw Incorrect("while timed: " + result.violation);
  return result.samples;
}

double median_of(const std::vector<Sample>& samples) {
  std::vector<double> seconds;
  for (const auto& sample : samples) seconds.push_back(sample.device_s);
  return median(seconds);
}

/// Calls in growing batches until two medians in a row agree, or the time for it is over.
void warm_up(Remote& worker, LiveCase& live, const Protocol& protocol) {
  const auto start = Clock::now();
  double before = 0;
  for (int calls = 0; seconds_since(start) + live.call_s < longest_warm_up_s;) {
    const int batch = std::clamp(static_cast<int>(0.01 / std::max(live.call_s, 1e-7)), 1, 200);
    const double now = median_of(timed(worker, live, 0, batch, protocol.cache, true));
    calls += batch;
    live.call_s = now;
    if (calls > protocol.warmup && std::abs(now - before) < stable * now) return;
    before = now;
  }
}

void plan_rounds(LiveCase& live, const Protocol& protocol) {
  const double call_s = std::max(live.call_s, 1e-7);
  const double wanted = protocol.min_time_s / (protocol.rounds * call_s);
  live.samples = static_cast<int>(std::clamp(std::ceil(wanted), 1.0, 1.0 * most_samples));
  if (wanted > most_samples && protocol.min_time_s > Protocol().min_time_s)
    live.result.warnings.push_back(
        fmt::format("{} samples a round, fewer than --min-time asks for", most_samples));
  const double round_s = (live.samples + protocol.warmup) * call_s;
  const double limit_s = std::max(longest_case_s, 2 * protocol.min_time_s);
  const int affordable = std::max(fewest_rounds, static_cast<int>(limit_s / round_s));
  live.rounds = std::min(protocol.rounds, affordable);
  if (live.rounds < protocol.rounds)
    live.result.warnings.push_back(fmt::format("{} rounds instead of {}: one call takes {:.2g} s",
                                               live.rounds, protocol.rounds, call_s));
}

/// A case, and where its candidates are measured against each other, which one.
std::string turn_name(const LiveCase& live) {
  const auto name = case_name(live.result);
  if (live.result.config_source != ConfigSource::candidate) return name;
  return fmt::format("{}/{}#{}", name, live.result.config, live.seat.copy);
}

Turn turn_of(LiveCase& live, WorkerPool& pool, const ProblemData& data, const RunPlan& plan,
             int round) {
  return {turn_name(live), live.samples, [&live, &pool, &data, &plan, round](int count) {
            std::vector<double> seconds;
            const bool fresh = plan.protocol.fresh_workers;
            if (fresh) pool.retire(live.seat);
            attempt(live, pool, [&](Remote& worker) {
              if (fresh) {
                make_timed(live, worker, data, plan);
                warm_up(worker, live, plan.protocol);
              }
              for (const auto& sample :
                   timed(worker, live, plan.protocol.warmup, count, plan.protocol.cache)) {
                live.result.samples.push_back({round, sample.device_s, sample.wall_s});
                live.escaped_s.push_back(sample.escaped_s);
                seconds.push_back(sample.device_s);
              }
            });
            if (!live.live) throw Error(live.result.reason);
            return seconds;
          }};
}

/// Times that no quiet machine gives: a case whose samples differ so much, or that takes so much
/// longer than its short calls had it, was held up by something else.
void warn_of_disturbance(LiveCase& live) {
  constexpr double much = 5;
  auto& result = live.result;
  const double median_s = result.time->median, least_s = result.time->min;
  if (median_s > much * least_s)
    result.warnings.emplace_back(
        fmt::format("the fastest of its samples took {:.3g} ms: other work disturbed the machine",
                    1e3 * least_s));
  else if (result.device == "cpu" && result.cache == "hot" && live.expected_s > 0 &&
           median_s > 50 * live.expected_s)
    result.warnings.emplace_back(
        fmt::format("its short calls had it at {:.3g} ms: other work disturbed the machine",
                    1e3 * live.expected_s));
}

}  // namespace

void measure(const ProblemData& data, std::vector<LiveCase>& cases, WorkerPool& pool,
             Rounds& rounds, const RunPlan& plan) {
  int last = 0;
  for (auto& live : cases)
    attempt(live, pool, [&](Remote& worker) {
      warm_up(worker, live, plan.protocol);
      plan_rounds(live, plan.protocol);
      last = std::max(last, live.rounds);
    });
  for (int round = 0; round < last; ++round) {
    std::vector<Turn> turns;
    for (auto& live : cases)
      if (live.live && round < live.rounds) turns.push_back(turn_of(live, pool, data, plan, round));
    std::shuffle(turns.begin(), turns.end(),
                 std::mt19937_64(plan.order_seed.value_or(plan.protocol.seed) * 1000 +
                                 static_cast<std::uint64_t>(round)));
    if (!turns.empty()) rounds.round(turns);
    if (interrupted()) throw Interrupted();
  }
}

void discard_calls(Remote& worker, const Protocol& protocol) {
  if (protocol.warmup > 0)
    worker.time(timed_key, 0, protocol.warmup, protocol.cache, timing_sets(), true);
}

void summarize_samples(LiveCase& live) {
  auto& result = live.result;
  if (result.samples.empty()) return;
  std::vector<double> device, wall;
  std::vector<int> groups;
  for (const auto& sample : result.samples) {
    device.push_back(sample.seconds);
    wall.push_back(sample.wall_seconds);
    groups.push_back(sample.round);
  }
  result.time = summarize(device, groups);
  result.wall = summarize(wall, groups);
  const double time_s = result.time->median;
  warn_of_disturbance(live);
  const double escaped_s = live.escaped_s.empty() ? 0 : median(live.escaped_s);
  if (escaped_s > 1e-5 + 0.05 * time_s + 2 * live.empty_wait_s)
    live.end(
        Outcome::mistrusted,
        fmt::format("the device worked for {:.3g} ms after the timed stream was done ({:.3g} ms "
                    "by its events): work runs outside the timed stream",
                    1e3 * escaped_s, 1e3 * time_s));
  else if (time_s < impossible * result.floor.seconds)
    live.end(Outcome::mistrusted,
             fmt::format("{:.3g} ms is faster than this machine can be (floor {:.3g} ms): the work "
                         "was not done, or the ceilings were measured on a busy machine (rnnbench "
                         "doctor --calibrate)",
                         1e3 * time_s, 1e3 * result.floor.seconds));
  else if (time_s < result.floor.seconds)
    result.warnings.emplace_back(
        "faster than the measured ceilings allow: rnnbench doctor --calibrate measures them again");
}

}  // namespace rnnbench
