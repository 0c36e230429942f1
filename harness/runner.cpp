#include "harness/runner.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "harness/calibration.hpp"
#include "harness/floor.hpp"
#include "harness/measure.hpp"
#include "harness/npy.hpp"
#include "harness/profiling.hpp"
#include "harness/verification.hpp"
#include "harness/words.hpp"

namespace rnnbench {
namespace {

std::string reproduce(const LiveCase& live, const RunPlan& plan) {
  const auto& p = plan.protocol;
  std::string line = fmt::format("rnnbench --problem {} --impl {} --device {}",
                                 id(live.result.problem), live.result.impl, name(plan.device.kind));
  if (plan.device.index != 0) line += fmt::format(":{}", plan.device.index);
  line += fmt::format(" --seed {} --cache {} --budget {:g} --repetitions {} --min-time {:g}",
                      p.seed, p.cache, p.budget_s, p.rounds, p.min_time_s);
  line += fmt::format(" --warmup {}", p.warmup);
  if (live.seat.graph) line += " --graph";
  if (p.fresh_workers) line += " --fresh-workers";
  if (plan.threads != 0) line += fmt::format(" --threads {}", plan.threads);
  if (p.rtol) line += fmt::format(" --rtol {:g}", *p.rtol);
  if (p.atol) line += fmt::format(" --atol {:g}", *p.atol);
  if (p.bitwise > 0) line += fmt::format(" --bitwise {}", p.bitwise);
  if (p.metrics != Protocol().metrics) line += " --metrics " + p.metrics;
  if (p.metrics_budget_s != Protocol().metrics_budget_s)
    line += fmt::format(" --metrics-budget {:g}", p.metrics_budget_s);
  if (p.timeout_s != Protocol().timeout_s) line += fmt::format(" --timeout {:g}", p.timeout_s);
  if (live.result.config_source == ConfigSource::model) line += " --no-tuned";
  line += plan.more_flags;
  for (const auto& [key, value] : live.options)
    line.append(" --option ").append(quoted(fmt::format("{}={}", key, value)));
  return line;
}

/// The reference on the device that the cases run on where it has one; on the CPU otherwise.
ReferenceMaker reference_for(const RunPlan& plan, WorkerPool& pool) {
  if (plan.device.kind == Device::cpu || !pool.has_service(plan.device.kind))
    return cpu_reference(0);
  return [&pool](const Problem& p, const std::vector<TensorPlace>& in) {
    Reference result;
    std::vector<TensorPlace> out;
    std::size_t used = 0;
    for (const auto& spec : tensor_specs(with_all_outputs(p))) {
      if (spec.role != Role::output) continue;
      const std::size_t bytes = spec.elements() * sizeof(double);
      out.push_back({spec.name, "", 0, used, bytes, "f64", spec.shape});
      used += (bytes + 255) / 256 * 256;
      result.push_back({spec, {}});
    }
    const SharedMemory memory(used);
    for (auto& place : out) {
      place.path = memory.path();
      place.map_bytes = memory.size();
    }
    if (!pool.service(Device::cuda).reference(p, in, out)) return cpu_reference(0)(p, in);
    for (std::size_t k = 0; k < out.size(); ++k) {
      const auto* values = reinterpret_cast<const double*>(memory.data() + out[k].offset);
      result[k].values.assign(values, values + result[k].spec.elements());
    }
    return result;
  };
}

/// The cases of one problem of one scenario, from start to finish.
class ProblemRun {
 public:
  ProblemRun(const RunPlan& plan, const std::vector<PlannedCase>& planned, Catalog& catalog,
             WorkerPool& pool)
      : plan_(plan), pool_(pool), reference_(reference_for(plan, pool)) {
    for (const auto& one : planned) {
      const Scenario& scenario = plan.scenarios[one.scenario];
      const Offer& offer = catalog.offers()[one.offer];
      LiveCase& live = cases_.emplace_back();
      live.seat = {one.offer, one.graph, one.copy};
      live.remote_name = offer.remote_name;
      live.options = plan.options;
      if (one.config_source != ConfigSource::none && one.config_source != ConfigSource::model)
        live.options["config"] = one.config;
      live.deterministic = offer.info.deterministic;
      live.result.scenario = scenario.name;
      live.result.problem = scenario.problems[one.problem];
      live.result.device = device_key(plan.device);
      live.result.impl = offer.info.name;
      live.result.peer = offer.info.peer;
      live.result.mode = one.graph ? "graph" : "eager";
      live.result.cache = plan.protocol.cache;
      live.result.config = one.config;
      live.result.config_source = one.config_source;
      live.result.config_note = one.config_note;
      live.result.floor = floor_of(live.result.problem, plan.device, plan.peaks);
      live.result.reproduce = reproduce(live, plan);
      if (!one.unsupported.empty()) live.end(Outcome::unsupported, one.unsupported);
    }
  }

  void run(Rounds& rounds) {
    const Problem& problem = cases_.front().result.problem;
    const Protocol& protocol = plan_.protocol;
    std::shared_ptr<const Weights> weights;
    if (any_live()) {
      pool_.start_all(live_seats());
      weights = make_weights(problem, protocol.seed);
      pool_.finish_opening(live_seats());
    }
    if (protocol.verify && !plan_.profile)
      verify_twins(problem, cases_, pool_, plan_, reference_, weights, mistrust_);
    if (!protocol.verify && !plan_.profile)
      apply_budget_only(problem, cases_, pool_, plan_, weights);
    if (any_live()) {
      ProblemData data(problem, protocol.seed, weights);
      if (plan_.profile) return profile(data);
      if (protocol.verify) {
        data.compute(reference_);
        const auto zeros = reason_for_mistrust(problem, *data.first_call(0));
        if (mistrust_.empty()) mistrust_ = zeros;
        verify_full(data, cases_, pool_, plan_);
        if (!plan_.save_tensors.empty()) save(data);
      } else {
        make_unverified(data);
      }
      if (protocol.measure) time(data, rounds);
    }
    for (auto& live : cases_) finish(live);
  }

  const std::vector<LiveCase>& cases() const { return cases_; }

  /// What stopped the run is no worker's doing: a reference that could not be made, memory, a disk.
  void fail(const std::string& why) {
    for (auto& live : cases_) {
      if (checked_) settle(live);
      if (live.live) live.end(Outcome::failed, why);
      pool_.drop(live.seat, timed_key);
      strip(live);
    }
    pool_.retire_services();
  }

  /// Ctrl-C: what was measured so far is kept, and said not to have been checked to the end.
  void interrupt() {
    for (auto& live : cases_) {
      if (checked_) {  // only counters were being read
        if (live.live && lacks_counters(live.result)) {
          live.result.profile = unread({}, "interrupted before they were read");
          live.result.warnings.emplace_back(
              "interrupted before its counters were read: --resume runs its problem again");
          unfinished_.push_back(&live);
        }
        settle(live);
      }
      if (live.live) {
        summarize_samples(live);
        live.end(Outcome::unverified, "interrupted before its last check");
        unfinished_.push_back(&live);
      }
      strip(live);
    }
  }
  bool finished(const LiveCase& live) const {
    return std::find(unfinished_.begin(), unfinished_.end(), &live) == unfinished_.end();
  }

 private:
  bool any_live() const {
    return std::any_of(cases_.begin(), cases_.end(), [](const auto& c) { return c.live; });
  }

  bool lacks_counters(const CaseResult& result) const {
    const auto asked = parse_metrics_choice(plan_.protocol.metrics);
    return asked.level != MetricsChoice::Level::none && !result.meaning;
  }

  std::vector<Seat> live_seats() const {
    std::vector<Seat> seats;
    for (const auto& live : cases_)
      if (live.live) seats.push_back(live.seat);
    return seats;
  }

  void time(const ProblemData& data, Rounds& rounds) {
    measure(data, cases_, pool_, rounds, plan_);
    for (auto& live : cases_)
      attempt(live, pool_, [&](Remote& worker) { live.result.device_state = worker.state(); });
    if (plan_.protocol.verify) verify_after(data, cases_, pool_, plan_);
    for (auto& live : cases_)
      if (live.live) summarize_samples(live);
    checked_ = true;
    collect_metrics(data, cases_, pool_, plan_);
  }

  void make_unverified(const ProblemData& data) {
    for (auto& live : cases_)
      attempt(live, pool_, [&](Remote& worker) {
        make_timed(live, worker, data, plan_);
        live.call_s = worker.run(timed_key, 0, true, {}).wall_s;
      });
  }

  void profile(const ProblemData& data) {
    for (auto& live : cases_) {
      attempt(live, pool_, [&](Remote& worker) {
        make_timed(live, worker, data, plan_);
        // The first call of a process finds cold caches and loads code: no timed call does.
        discard_calls(worker, plan_.protocol);
        worker.profile(timed_key, plan_.protocol.cache);
        worker.drop(timed_key);
      });
      if (live.live) live.end(Outcome::unverified, "one bare pass for a profiler (--profile)");
    }
  }

  /// Inputs, weights, the float64 answer and every implementation's outputs, as .npy files.
  void save(const ProblemData& data) {
    const auto folder = std::filesystem::path(plan_.save_tensors) / id(data.problem());
    for (const auto& place : data.weights())
      write_npy(folder / (place.name + ".npy"), place.shape, data.weight(place));
    for (const auto& place : data.sets()[0])
      write_npy(folder / (place.name + ".npy"), place.shape, data.input(place));
    const auto expected = data.first_call(0);
    for (const auto& output : *expected)
      write_npy(folder / "reference" / (output.spec.name + ".npy"), output.spec.shape,
                output.values.data());
    for (auto& live : cases_)
      attempt(live, pool_, [&](Remote& worker) {
        const auto places = data.output_places(data.problem());
        worker.run(timed_key, 0, true, places);
        std::string impl = live.result.impl + (live.seat.graph ? "-graph" : "");
        std::replace(impl.begin(), impl.end(), ':', '-');
        for (const auto& place : places)
          write_npy(folder / impl / (place.name + ".npy"), place.shape, data.fetched(place));
      });
  }

  void finish(LiveCase& live) {
    pool_.drop(live.seat, timed_key);
    settle(live);
    strip(live);
  }

  /// The outcome of a case with which nothing was wrong.
  void settle(LiveCase& live) {
    if (!live.live) return;
    if (!plan_.protocol.verify)
      live.end(Outcome::unverified, "verification was switched off (--no-verify)");
    else if (!mistrust_.empty())
      live.end(Outcome::mistrusted, mistrust_);
    else
      live.end(Outcome::passed, "");
    const auto& record = live.result.verification;
    if (live.result.problem.dtype == Dtype::f32 && record.max_error > record.rounding)
      live.result.warnings.push_back(
          fmt::format("less accurate than f32: off by {:.2g} of scale where rounding explains "
                      "{:.2g}, so its tanh and sigmoid are approximations",
                      record.max_error, record.rounding));
  }

  /// A case that is not right has no time.
  static void strip(LiveCase& live) {
    const auto outcome = live.result.outcome;
    if (outcome == Outcome::passed || outcome == Outcome::unverified ||
        outcome == Outcome::mistrusted)
      return;
    live.result.samples.clear();
    live.result.time.reset();
    live.result.wall.reset();
  }

  const RunPlan& plan_;
  WorkerPool& pool_;
  ReferenceMaker reference_;
  std::vector<LiveCase> cases_;
  std::string mistrust_;
  std::vector<const LiveCase*> unfinished_;
  bool checked_ = false;  // after timing too: what follows changes no outcome
};

}  // namespace

void run_cases(const RunPlan& plan, const std::vector<PlannedCase>& cases, Catalog& catalog,
               Rounds& rounds, const RunEvents& events) {
  WorkerPool pool(catalog, plan.device.index, plan.threads, plan.protocol.timeout_s);
  for (std::size_t first = 0; first < cases.size();) {
    std::size_t last = first;
    std::vector<PlannedCase> group;
    for (; last < cases.size() && cases[last].scenario == cases[first].scenario &&
           cases[last].problem == cases[first].problem;
         ++last)
      if (!events.already_done(name_of(cases[last], plan, catalog))) group.push_back(cases[last]);
    if (!group.empty()) {
      const auto& scenario = plan.scenarios[group[0].scenario];
      events.progress(scenario.name + "/" + id(scenario.problems[group[0].problem]), first,
                      cases.size());
      ProblemRun run(plan, group, catalog, pool);
      bool stopped = false;
      try {
        run.run(rounds);
      } catch (const Interrupted&) {
        stopped = true;
        run.interrupt();
      } catch (const std::bad_alloc&) {
        run.fail("out of memory for its inputs or its reference: use smaller sizes");
      } catch (const std::exception& error) {
        run.fail(error.what());
      }
      for (const auto& live : run.cases()) events.finished(live.result, run.finished(live));
      if (stopped) throw Interrupted();
    }
    if (interrupted()) throw Interrupted();
    first = last;
  }
}

}  // namespace rnnbench
