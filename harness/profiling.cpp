#include "harness/profiling.hpp"

#include <fmt/format.h>

#include "harness/findings.hpp"
#include "harness/roofline.hpp"
#include "harness/runner.hpp"

namespace rnnbench {

void collect_metrics(std::vector<LiveCase>& cases, WorkerPool& pool, const RunPlan& plan) {
  const auto choice = parse_metrics_choice(plan.protocol.metrics);
  if (choice.level == MetricsChoice::Level::none) return;
  ProfileRequest request;
  request.metrics = metric_names(choice, plan.device.kind);
  request.timeline = choice.level != MetricsChoice::Level::named;
  request.budget_s = plan.protocol.metrics_budget_s;
  for (auto& live : cases) {
    if (!live.live) continue;
    bool as_before = plan.device.kind == Device::cpu;
    try {
      live.result.profile = pool.worker(live.seat).metrics(timed_key, request);
    } catch (const Interrupted&) {
      throw;
    } catch (const std::exception& error) {
      as_before = false;
      live.result.profile = unread(request, error.what());
      live.result.warnings.push_back(fmt::format(
          "its counters could not be read: {}; --metrics none leaves them out", error.what()));
    }
    if (!as_before) pool.retire(live.seat);
    auto& result = live.result;
    result.meaning = meaning_of(result, *result.profile, plan.device, &plan.peaks);
    result.findings = findings_of(result, *result.profile, plan.device, &plan.peaks);
  }
}

}  // namespace rnnbench
