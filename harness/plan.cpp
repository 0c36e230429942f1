// From scenarios and flags to the list of cases.
#include <fmt/format.h>

#include <algorithm>
#include <regex>

#include "harness/calibration.hpp"
#include "harness/runner.hpp"

namespace rnnbench {
namespace {

bool named(const std::vector<std::string>& names, const std::string& impl) {
  const auto bare = impl.substr(impl.find(':') + 1);
  return std::any_of(names.begin(), names.end(),
                     [&](const auto& name) { return name == impl || name == bare; });
}

/// A name that fits nothing is a mistake worth a line, not an empty run.
void check_names(const std::vector<std::string>& names, const Catalog& catalog,
                 const std::string& flag) {
  for (const auto& name : names) {
    std::string all;
    bool found = false;
    for (const auto& offer : catalog.offers()) {
      found = found || named({name}, offer.info.name);
      all += (all.empty() ? "" : ", ") + offer.info.name;
    }
    if (!found)
      throw UsageError(fmt::format("{} {}: no such implementation; there are {}", flag, name, all));
  }
}

std::regex compile(const std::string& filter) {
  try {
    return std::regex(filter);
  } catch (const std::regex_error& error) {
    throw UsageError(
        fmt::format("--filter '{}': not a regular expression ({})", filter, error.what()));
  }
}

}  // namespace

std::string name_of(const PlannedCase& planned, const RunPlan& plan, const Catalog& catalog) {
  const Scenario& scenario = plan.scenarios[planned.scenario];
  return case_name(scenario.name, scenario.problems[planned.problem],
                   catalog.offers()[planned.offer].info.name, planned.graph ? "graph" : "eager",
                   device_key(plan.device));
}

std::vector<PlannedCase> plan_cases(const RunPlan& plan, Catalog& catalog) {
  check_names(plan.impls, catalog, "--impl");
  check_names(plan.skipped, catalog, "--skip-impl");
  const std::regex filter = compile(plan.filter);
  std::vector<PlannedCase> cases;
  for (std::size_t s = 0; s < plan.scenarios.size(); ++s) {
    const auto& problems = plan.scenarios[s].problems;
    const auto reasons = catalog.reasons(problems, plan.device.index);
    for (std::size_t p = 0; p < problems.size(); ++p)
      for (std::size_t o = 0; o < catalog.offers().size(); ++o) {
        const Offer& offer = catalog.offers()[o];
        if (offer.device != plan.device.kind) continue;
        if (!plan.impls.empty() && !named(plan.impls, offer.info.name)) continue;
        if (named(plan.skipped, offer.info.name)) continue;
        for (const bool graph : {false, true}) {
          if (graph && (!plan.protocol.graph || offer.device != Device::cuda)) continue;
          PlannedCase planned{s, p, o, graph, reasons[o][p]};
          if (plan.filter.empty() || std::regex_search(name_of(planned, plan, catalog), filter))
            cases.push_back(std::move(planned));
        }
      }
  }
  return cases;
}

}  // namespace rnnbench
