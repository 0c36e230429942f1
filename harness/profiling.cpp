#include "harness/profiling.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "harness/callgrind.hpp"
#include "harness/findings.hpp"
#include "harness/roofline.hpp"
#include "harness/runner.hpp"

namespace rnnbench {

void collect_metrics(const ProblemData& data, std::vector<LiveCase>& cases, WorkerPool& pool,
                     const RunPlan& plan) {
  const auto choice = parse_metrics_choice(plan.protocol.metrics);
  if (choice.level == MetricsChoice::Level::none) return;
  ProfileRequest request;
  request.metrics = metric_names(choice, plan.device.kind, data.problem().dtype);
  request.timeline = choice.level != MetricsChoice::Level::named;
  request.budget_s = plan.protocol.metrics_budget_s;
  const bool cpu = plan.device.kind == Device::cpu;
  const bool counted = cpu && std::erase(request.metrics, callgrind) > 0;
  for (auto& live : cases) {
    if (!live.live) continue;
    auto& result = live.result;
    const auto trouble = [&](const std::exception& error) {
      result.warnings.push_back(fmt::format(
          "its counters could not be read: {}; --metrics none leaves them out", error.what()));
      return std::string(error.what());
    };
    bool as_before = cpu;
    try {
      result.profile = pool.worker(live.seat).metrics(timed_key, request);
    } catch (const Interrupted&) {
      throw;
    } catch (const std::exception& error) {
      as_before = false;
      result.profile = unread(request, trouble(error));
    }
    if (!as_before) pool.retire(live.seat);
    if (counted) {
      const auto start = std::chrono::steady_clock::now();
      try {
        result.profile->region[callgrind] = callgrind_instructions(live, pool, data, plan);
      } catch (const Interrupted&) {
        throw;
      } catch (const std::exception& error) {
        result.profile->region[callgrind] = not_read(trouble(error));
      }
      // Added, for the worker that was timed knows of its own part alone.
      const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
      result.profile->spent_s += spent.count();
    }
    try {
      result.meaning = meaning_of(result, *result.profile, plan.device, &plan.peaks);
      result.findings = findings_of(result, *result.profile, plan.device, &plan.peaks);
    } catch (const std::exception& error) {
      trouble(error);
    }
  }
}

}  // namespace rnnbench
