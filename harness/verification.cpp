#include "harness/verification.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "harness/runner.hpp"

namespace rnnbench {
namespace {

/// Twins' inputs have seeds of their own, so that nothing seen in one check is right in another.
constexpr std::uint64_t twin_seed = 0x9E3779B97F4A7C15;

Problem twin_of(const Problem& problem, std::int64_t seq) {
  Problem twin = with_all_outputs(problem);
  twin.seq = seq;
  return twin;
}

void load_and_make(Remote& worker, const std::string& key, const Problem& problem,
                   const ProblemData& data, LiveCase& live, const RunPlan& plan,
                   const std::string& cache) {
  worker.load(key, problem, data.weights(), data.sets(), key == timed_key);
  const Made made = worker.make(key, {live.remote_name,
                                      live.options,
                                      live.seat.graph,
                                      cache,
                                      {live.result.scenario, id(live.result.problem),
                                       live.result.impl + (live.seat.graph ? " graph" : "")}});
  live.result.setup_s = made.setup_s;
  live.result.note = made.note;
  if (cache != "rotate" || made.covered_bytes >= 2 * plan.device.llc_bytes) return;
  if (made.covered_bytes == 0) {
    live.result.warnings.emplace_back("cache rotate: its worker does not say how much it covers");
    return;
  }
  live.result.warnings.push_back(fmt::format(
      "cache rotate: {} cover {:.3g} MB of the {:.3g} MB that twice the last cache level "
      "has, so some of it stays warm; --cache cold clears it",
      made.instances == 1 ? "1 instance" : fmt::format("{} instances", made.instances),
      made.covered_bytes / 1e6, 2e-6 * plan.device.llc_bytes));
}

/// A disturbed call would project a full one over the budget: short ones are repeated.
constexpr double short_call_s = 0.05;
constexpr int repeats = 4;

double fastest_call(Remote& worker, double seconds) {
  for (int repeat = 0; repeat < repeats && seconds < short_call_s; ++repeat)
    seconds = std::min(seconds, worker.run(twin_key, 0, false, {}).wall_s);
  return seconds;
}

/// Two calls on different inputs, checked; returns the seconds of the fastest call. `twin` is the
/// data's problem or wants fewer of its outputs.
double check_twin(LiveCase& live, Remote& worker, const ProblemData& data, const Problem& twin,
                  const RunPlan& plan) {
  load_and_make(worker, twin_key, twin, data, live, plan, "hot");
  const Subject subject{worker, twin_key, twin, data};
  double fastest = 1e30;
  for (int call = 0; call < 2; ++call) {
    const auto label = fmt::format("twin T={} call {}", twin.seq, call + 1);
    fastest = std::min(fastest, check_call(subject, call, call == 0, *data.call(call),
                                           plan.protocol, label, live.result.verification));
  }
  fastest = fastest_call(worker, fastest);
  worker.drop(twin_key);
  return fastest;
}

/// T and the seconds of a call of each twin so far, in growing T.
using TwinTimes = std::vector<std::pair<std::int64_t, double>>;

/// Seconds that a step adds, by the first and the last twin.
double step_s(const TwinTimes& twins) {
  const auto [short_t, short_s] = twins.front();
  const auto [long_t, long_s] = twins.back();
  return long_t == short_t ? 0 : std::max(0.0, (long_s - short_s) / double(long_t - short_t));
}

double projected_s(const Problem& problem, const TwinTimes& twins) {
  return twins.front().second + step_s(twins) * double(problem.seq - twins.front().first);
}

/// A call with no more steps than the full one is over the budget already: longer twins are neither
/// run nor checked. One twin alone decides only where it is as long as the full call, since the
/// projection needs two.
bool hopeless(const Problem& problem, const TwinTimes& twins, double budget_s) {
  const auto [seq, seconds] = twins.back();
  return seconds > budget_s && seq <= problem.seq && (twins.size() > 1 || seq == problem.seq);
}

void apply_budget(LiveCase& live, const Problem& problem, const TwinTimes& twins, double budget_s) {
  live.call_s = projected_s(problem, twins);
  live.expected_s = std::max(live.call_s, live.result.floor.seconds);
  if (live.call_s <= budget_s) return;
  const auto [short_t, short_s] = twins.front();
  const auto [long_t, long_s] = twins.back();
  std::string how = fmt::format("about {:.3g} s (projected from T = {} and T = {})", live.call_s,
                                short_t, long_t);
  if (long_t == short_t)
    how = fmt::format("about {:.3g} s (as its first calls with T = {})", live.call_s, short_t);
  // Noise in both calls would be multiplied by T.
  const bool steps_seen = long_t == short_t || long_s > 1.2 * short_s || long_s <= budget_s;
  if (!steps_seen) how = fmt::format("more than {:.3g} s (one with T = {} did)", long_s, long_t);
  if (steps_seen) live.result.projected_s = live.call_s;
  live.end(Outcome::over_budget,
           fmt::format("one call would take {}, the budget is {:g} s (--budget)", how, budget_s));
}

double time_twin(LiveCase& live, Remote& worker, const ProblemData& data, const Problem& twin,
                 const RunPlan& plan) {
  load_and_make(worker, twin_key, twin, data, live, plan, "hot");
  double seconds = 1e30;
  for (int call = 0; call < 2; ++call) {  // the first one may load code
    const Ran ran = worker.run(twin_key, 0, true, {});
    if (plan.protocol.verify && !ran.violation.empty())
      throw Incorrect(fmt::format("twin T={}: {}", twin.seq, ran.violation));
    seconds = std::min(seconds, ran.wall_s);
  }
  seconds = fastest_call(worker, seconds);
  worker.drop(twin_key);
  return seconds;
}

/// Some calls have a part that a few steps show and hundreds do not: a projection over the budget
/// is made again from a longer twin, where the budget has room for that one.
void apply_budgets(const Problem& problem, std::vector<LiveCase>& cases, WorkerPool& pool,
                   const RunPlan& plan, const std::shared_ptr<const Weights>& weights,
                   std::vector<TwinTimes>& times) {
  constexpr std::int64_t longer = 50;
  const double budget_s = plan.protocol.budget_s;
  Problem twin = problem;
  twin.seq = longer;
  std::optional<ProblemData> data;
  bool room = true;  // for the data of the longer twin, which the full call may not need
  for (std::size_t k = 0; k < cases.size(); ++k) {
    if (!cases[k].live) continue;
    const bool again = problem.seq > longer && projected_s(problem, times[k]) > budget_s &&
                       projected_s(twin, times[k]) <= budget_s;
    if (again && room && !data) {
      try {
        data.emplace(twin_of(problem, longer), plan.protocol.seed + twin_seed * longer, weights);
      } catch (const std::exception&) {
        room = false;
      }
    }
    attempt(cases[k], pool, [&](Remote& worker) {
      if (again && data)
        times[k].emplace_back(longer, time_twin(cases[k], worker, *data, twin, plan));
      apply_budget(cases[k], problem, times[k], budget_s);
    });
  }
}

}  // namespace

void verify_twins(const Problem& problem, std::vector<LiveCase>& cases, WorkerPool& pool,
                  const RunPlan& plan, const ReferenceMaker& reference,
                  const std::shared_ptr<const Weights>& weights, std::string& mistrust) {
  std::vector<TwinTimes> times(cases.size());
  for (const std::int64_t seq : {1, 2, 5}) {
    if (std::none_of(cases.begin(), cases.end(), [](const auto& c) { return c.live; })) return;
    ProblemData data(twin_of(problem, seq),
                     plan.protocol.seed + twin_seed * static_cast<std::uint64_t>(seq), weights);
    data.compute(reference);
    if (seq == 1) {
      const double tolerance = tolerance_for(data.problem(), plan.protocol).value;
      if (!distinguishable(*data.first_call(0), data.with_other_state(reference), tolerance))
        mistrust = "the initial state has no effect at T = 1: ignoring it would pass";
    }
    for (std::size_t k = 0; k < cases.size(); ++k)
      attempt(cases[k], pool, [&](Remote& worker) {
        double took = check_twin(cases[k], worker, data, data.problem(), plan);
        Problem as_timed = problem;
        as_timed.seq = seq;
        if (!(as_timed == data.problem()))
          took = check_twin(cases[k], worker, data, as_timed, plan);
        times[k].emplace_back(seq, took);
        if (hopeless(problem, times[k], plan.protocol.budget_s))
          apply_budget(cases[k], problem, times[k], plan.protocol.budget_s);
      });
  }
  apply_budgets(problem, cases, pool, plan, weights, times);
}

void apply_budget_only(const Problem& problem, std::vector<LiveCase>& cases, WorkerPool& pool,
                       const RunPlan& plan, const std::shared_ptr<const Weights>& weights) {
  std::vector<TwinTimes> times(cases.size());
  for (const std::int64_t seq : {1, 5}) {
    const ProblemData data(twin_of(problem, seq), plan.protocol.seed, weights);
    Problem twin = problem;
    twin.seq = seq;
    for (std::size_t k = 0; k < cases.size(); ++k)
      attempt(cases[k], pool, [&](Remote& worker) {
        times[k].emplace_back(seq, time_twin(cases[k], worker, data, twin, plan));
        if (hopeless(problem, times[k], plan.protocol.budget_s))
          apply_budget(cases[k], problem, times[k], plan.protocol.budget_s);
      });
  }
  apply_budgets(problem, cases, pool, plan, weights, times);
}

void make_timed(LiveCase& live, Remote& worker, const ProblemData& data, const RunPlan& plan) {
  load_and_make(worker, timed_key, live.result.problem, data, live, plan, plan.protocol.cache);
}

void verify_full(const ProblemData& data, std::vector<LiveCase>& cases, WorkerPool& pool,
                 const RunPlan& plan) {
  const Problem& problem = data.problem();
  const Problem all = with_all_outputs(problem);
  for (auto& live : cases)
    attempt(live, pool, [&](Remote& worker) {
      auto& record = live.result.verification;
      const auto check = [&](const std::string& key, const Problem& p, int calls) {
        for (int call = 0; call < calls; ++call) {
          const double took =
              check_call({worker, key, p, data}, call, call == 0, *data.call(call), plan.protocol,
                         fmt::format("T={} call {}", p.seq, call + 1), record);
          live.call_s = call == 0 ? took : std::min(took, live.call_s);
        }
      };
      if (!(all == problem)) {
        load_and_make(worker, full_key, all, data, live, plan, "hot");
        check(full_key, all, 1);
        if (plan.protocol.bitwise > 1 && live.deterministic)
          check_bitwise({worker, full_key, all, data}, plan.protocol.bitwise);
        worker.drop(full_key);
      }
      make_timed(live, worker, data, plan);
      check(timed_key, problem, problem.stateful ? ProblemData::set_count : 1);
      if (all == problem && plan.protocol.bitwise > 1 && live.deterministic)
        check_bitwise({worker, timed_key, problem, data}, plan.protocol.bitwise);
    });
}

void verify_after(const ProblemData& data, std::vector<LiveCase>& cases, WorkerPool& pool,
                  const RunPlan& plan) {
  const Problem& problem = data.problem();
  for (int set = 0; set < ProblemData::set_count; ++set) {
    for (auto& live : cases) {
      if (live.last_set != set) continue;
      attempt(live, pool, [&](Remote& worker) {
        const Subject subject{worker, timed_key, problem, data};
        worker.fetch(timed_key, poisoned_places(subject));
        check_fetched(subject, *data.first_call(set), plan.protocol, "last timed call",
                      live.result.verification);
      });
    }
  }
}

}  // namespace rnnbench
