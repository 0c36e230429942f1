// The pass after timing as a whole: records, region, kernels, timeline, as far as the budget goes.
// What fails takes its values away, with the reason, and nothing else.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <optional>
#include <utility>

#include "harness/impl.hpp"
#include "impls/common/cuda_backend.cuh"
#include "impls/common/cuda_check.cuh"
#include "impls/cuda/cupti/activity.hpp"
#include "impls/cuda/cupti/attempt.hpp"
#include "impls/cuda/cupti/counters.hpp"
#include "impls/cuda/cupti/cupti_profiler.hpp"
#include "impls/cuda/cupti/kernel_values.hpp"
#include "impls/cuda/cupti/launches.hpp"
#include "impls/cuda/cupti/library.hpp"
#include "impls/cuda/cupti/occupancy.hpp"
#include "impls/cuda/cupti/plan.hpp"
#include "impls/cuda/cupti/read_kernels.hpp"
#include "impls/cuda/cupti/reasons.hpp"
#include "impls/cuda/cupti/results.hpp"
#include "impls/cuda/cupti/sampling.hpp"
#include "impls/cuda/cupti/withheld.hpp"

namespace rnnbench {
namespace {

using namespace cupti;
using Names = std::vector<std::string>;

constexpr const char* duration = "gpu__time_duration.sum";  // of a kernel, as ncu shows it

void set_all(const Names& names, const std::string& why, Metrics& metrics) {
  for (const auto& name : names) metrics[name] = not_read(why);
}

class Collector {
 public:
  Collector(int index, Kernel& call, Kernel& kernels, const ProfileRequest& request,
            cudaStream_t stream)
      : index_(index),
        call_(call),
        kernels_(kernels),
        graph_(&call != &kernels),
        request_(request),
        stream_(stream),
        budget_(planned_s(request.budget_s)) {}

  Profile run() {
    record();
    if (!stand_aside_.empty()) return unread(request_, stand_aside_);
    choose();
    if (chip_) {
      region();
      kernels();
      instructions();
      timeline();
    }
    for (auto& kernel : profile_.kernels) judge_sass(request_.metrics, kernel.metrics);
    if (chip_) profile_.region.merge(sums_over_kernels(sass_, profile_.kernels));
    explain_ours();
    for (auto& warning : hit_rate_warnings(profile_)) profile_.warnings.push_back(warning);
    profile_.spent_s = budget_.spent();
    return std::move(profile_);
  }

 private:
  void forward(Kernel& kernel) {
    kernel.launch(stream_);
    RNNBENCH_CUDA(cudaDeviceSynchronize());
  }
  std::string over_budget(const std::string& what) const {
    return fmt::format("left out: {} within the budget of {:g} s", what, request_.budget_s);
  }

  /// Why records are no account of all launches; empty where they are.
  static std::string missing(const Records& records) {
    const auto lost = records.dropped + records.untimed;
    if (lost > 0) return fmt::format("{} kernels are missing from the activity records", lost);
    return records.alike ? std::string() : "equal calls gave different kernels when recorded";
  }

  double span_s() const { return span_s_ > 0 ? span_s_ : forward_s_; }

  /// Launches, their durations and their resources: everything else is planned by them.
  void record() {
    RNNBENCH_CUDA(cudaDeviceSynchronize());
    Records whole;
    std::string why = attempt([&] {
      try {
        eager_ = record_kernels(again_);
      } catch (const Failure& failure) {
        if (failure.code() == CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED)
          stand_aside_ = failure.what();
        throw;
      }
    });
    if (!stand_aside_.empty()) return;
    forward_s_ = eager_.seconds;
    if (why.empty()) why = missing(eager_);
    if (why.empty() && eager_.launches.empty()) why = "no kernel was recorded in a forward call";
    profile_.kernels_why = why;
    if (!why.empty()) eager_.launches.clear();
    if (graph_ && budget_.left() > eager_.seconds) {
      why = attempt([&] { whole = record_kernels([&] { forward(call_); }); });
      if (whole.seconds > 0) forward_s_ = whole.seconds;
      if (why.empty()) why = missing(whole);
      if (why.empty() && whole.launches.empty())
        why = "the kernels of a graph were not recorded one by one: see the kernels";
    } else if (graph_) {
      why = over_budget("no second forward call is recorded");
    }
    const Records& region = graph_ ? whole : eager_;
    profile_.region = why.empty() ? span_metrics(region.launches) : no_span_metrics(why);
    if (why.empty()) span_s_ = 1e-9 * spans(region.launches).span_ns;

    cudaDeviceProp card{};
    RNNBENCH_CUDA(cudaGetDeviceProperties(&card, index_));
    groups_ = group(eager_.launches);
    profile_.kernels = kernel_metrics(groups_);
    for (std::size_t k = 0; k < groups_.size(); ++k)
      profile_.kernels[k].metrics.merge(
          launch_metrics(card, eager_.launches[groups_[k].ordinals.front()]));
  }

  /// Which of the names are counters of this chip; without a chip all have a reason.
  void choose() {
    Names asked;
    std::copy_if(request_.metrics.begin(), request_.metrics.end(), std::back_inserter(asked),
                 [](const auto& name) { return !from_records(name); });
    const std::string why = attempt([&] { chip_ = open_chip(index_); });
    if (!why.empty()) {
      chip_.reset();
      set_all(asked, why, profile_.region);
      for (auto& kernel : profile_.kernels) set_missing(asked, why, kernel);
      profile_.timeline_why = why;
      return;
    }
    const bool all = asked.empty() || passes_of(*chip_, asked) > 0;
    for (const auto& name : asked) {
      const std::string refused = all ? "" : why_refused(name);
      if (refused.empty()) {
        (is_sass(name) ? sass_ : counters_).push_back(name);
        continue;
      }
      profile_.region[name] = not_read(refused);
      for (auto& kernel : profile_.kernels) set_missing({name}, refused, kernel);
    }
  }

  std::string why_refused(const std::string& name) {
    try {
      const Config alone(*chip_, {name});
      return {};
    } catch (const Failure& failure) {
      std::string unknown;
      const std::string why = attempt([&] { unknown = unknown_metric(*chip_, name); });
      return why.empty() && !unknown.empty() ? unknown : failure.what();
    }
  }

  PassesOf passes() const {
    return [this](const Names& names) { return passes_of(*chip_, names); };
  }

  void region() {
    Names names = counters_;
    std::erase_if(names, [&](const auto& name) {
      const std::string why = why_withheld(name, span_s_);
      if (!why.empty()) profile_.region[name] = not_read(why);
      return !why.empty();
    });
    if (names.empty()) return;
    const Fit chosen = fit(names, budget_.left(), passes(),
                           [&](int count) { return region_cost(count, forward_s_, 1); });
    set_all(chosen.left_out,
            over_budget(fmt::format("its passes over a forward call of {:.3g} s, recorded, do not "
                                    "fit",
                                    forward_s_)),
            profile_.region);
    if (chosen.names.empty()) return;
    // The second call of a pass finds the caches as a call leaves them, where there is time for it.
    const int calls = region_cost(chosen.passes, forward_s_, 2) <= 0.5 * budget_.left() ? 2 : 1;
    const std::string why = attempt([&] { profile_.region.merge(collect_region(chosen, calls)); });
    if (!why.empty()) set_all(chosen.names, why, profile_.region);
    const auto read = profile_.region.find("dram__bytes_read.sum");
    if (calls == 1 && read != profile_.region.end() && read->second.value.value_or(1e9) < 1e8)
      profile_.warnings.emplace_back(
          "the region's DRAM and L2 counters have 5 to 8 MB in them that starting a pass takes of "
          "the L2: there was no time to make the call twice");
  }

  /// Of `calls` in each pass the last is counted. Says how the machine keeps to the estimates.
  Metrics collect_region(const Fit& chosen, int calls) {
    Config config(*chip_, chosen.names);
    Ranges ranges(*chip_, config, CUPTI_UserRange, CUPTI_UserReplay, 1);
    PassTimes times(config.passes());
    for (bool done = false; !done;) {
      const double before = budget_.spent();
      ranges.start();
      for (int call = 1; call < calls; ++call) forward(call_);
      ranges.push("forward");
      forward(call_);
      ranges.pop();
      done = ranges.stop();
      times.add(budget_.spent() - before);
      const std::string why = done ? "" : times.why_too_long(budget_.left());
      if (!why.empty()) throw Error(over_budget(why));
    }
    const double expected = region_cost(1, forward_s_, calls) - session_s;
    pace_ = std::max(1.0, times.usual().value_or(0) / expected);
    if (ranges.decode() == 0) throw Error("no range was collected");
    const auto values = ranges.values(0);
    return mean_metrics(chosen.names, {{&values}});
  }

  void kernels() {
    if (counters_.empty() || groups_.empty()) return;
    Names names = counters_;
    if (std::find(names.begin(), names.end(), duration) == names.end() &&
        passes_of(*chip_, {duration}) > 0)
      names.push_back(duration);
    CuptiProfiler profiler(*chip_);
    const KernelsRead read = read_kernels(profiler, names, kernels_to_read(), before_timeline(),
                                          over_budget("its counters are not read"));
    for (auto& warning : give_counters(read, eager_.launches, groups_, profile_.kernels))
      profile_.warnings.push_back(std::move(warning));
  }

  /// Of the asked ones. Their session also reads the witness of whether they count here.
  void instructions() {
    if (sass_.empty() || groups_.empty()) return;
    Names names = with_witness(sass_);
    if (names.size() > sass_.size() && passes_of(*chip_, {names.back()}) == 0) names.pop_back();
    CuptiProfiler profiler(*chip_);
    const KernelsRead read = count_instructions(
        profiler, names, kernels_to_read(), before_timeline(),
        over_budget("to count instructions takes up to 450 times a launch's own time, which does "
                    "not fit"));
    for (const auto& warning : read.warnings)
      profile_.warnings.push_back("instructions: " + warning);
    give_instructions(read, sass_, groups_, profile_.kernels);
  }

  KernelsToRead kernels_to_read() const {
    return {eager_.launches, groups_, eager_.seconds, pace_, again_};
  }

  /// What is left, without the timeline's part where it has one.
  double before_timeline() const {
    const double left = budget_.left();
    return left - (request_.timeline && left > 3 * pace_ * timeline_s ? for_timeline() : 0);
  }

  double for_timeline() const { return pace_ * timeline_s + forward_s_; }

  void timeline() {
    if (!request_.timeline) {
      profile_.timeline_why = "not asked for";
    } else if (budget_.left() < for_timeline()) {
      profile_.timeline_why = over_budget("no forward call is sampled");
    } else {
      profile_.timeline_why = attempt([&] {
        const auto calls = [this](int forwards) {
          for (int k = 0; k < forwards; ++k) call_.launch(stream_);
          RNNBENCH_CUDA(cudaDeviceSynchronize());
        };
        profile_.timeline = sample_forward(
            *chip_, calls, forward_s_, span_s(), [this] { return budget_.left(); },
            profile_.warnings);
      });
    }
  }

  /// Names of ours that were asked for where they are not.
  void explain_ours() {
    for (const auto& name : request_.metrics) {
      if (!from_records(name)) continue;
      const bool of_region =
          name.starts_with("rnnbench__") && name != launch_time && name != sampled_time;
      profile_.region.try_emplace(
          name, not_read(of_region ? "no such metric: rnnbench__ has kernel_launches, kernel_time, "
                                     "busy_time, gap_time and span_time"
                                   : "of a kernel, not of a forward call: see the kernels"));
      for (auto& kernel : profile_.kernels)
        if (!of_region)
          set_missing({name},
                      name == "launch__cluster_size" ? "not launched in clusters"
                                                     : "no such metric: `rnnbench list metrics`",
                      kernel);
    }
  }

  const int index_;
  Kernel& call_;
  Kernel& kernels_;
  const bool graph_;
  const ProfileRequest& request_;
  const cudaStream_t stream_;
  const std::function<void()> again_ = [this] { forward(kernels_); };  // launch by launch
  const Budget budget_;
  Profile profile_;
  std::string stand_aside_;  // another profiler has this process: why nothing is touched
  Records eager_;
  std::vector<Group> groups_;
  double forward_s_ = 0;  // of the whole call, as recorded
  double pace_ = 1;       // time taken over plan.hpp's estimates, where others have the machine too
  double span_s_ = 0;     // from its first kernel's start to its last one's end; 0: unknown
  std::optional<Chip> chip_;
  Names counters_, sass_;  // asked for; the latter count instructions by patching code
};

}  // namespace

Profile cuda_profile(int index, Kernel& call, Kernel& kernels, const ProfileRequest& request,
                     cudaStream_t stream) {
  try {
    (void)cupti::api();
  } catch (const Error& missing) {
    return unread(request, missing.what());
  }
  return Collector(index, call, kernels, request, stream).run();
}

std::vector<MetricInfo> cuda_metrics(int index, std::string& why) {
  const auto devices = cuda_devices(why);
  if (devices.empty()) return {};
  if (index < 0 || static_cast<std::size_t>(index) >= devices.size()) {
    why = fmt::format("there is no device cuda:{}: {} found", index, devices.size());
    return {};
  }
  try {
    return all_metrics(
        {.device = index, .context = nullptr, .name = chip_name(index), .availability = {}});
  } catch (const Error& failure) {
    why = failure.what();
    return {};
  }
}

std::string cupti_state() { return cupti::library_state(); }

}  // namespace rnnbench
