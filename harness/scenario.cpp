#include "harness/scenario.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "harness/axis.hpp"
#include "harness/error.hpp"
#include "harness/scenario_file.hpp"
#include "harness/scenario_plan.hpp"
#include "harness/words.hpp"

namespace rnnbench {
namespace {

std::string flag_of(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return "--" + name;
}

Plan plan_of(const AxisOverrides& overrides) {
  std::vector<std::string_view> names{"problem"};
  for (const auto& field : fields()) names.push_back(field.name);
  Plan plan;
  plan.origin = "command line";
  for (const auto& [name, text] : overrides)
    if (name != "problem" && !find_field(name))
      fail(flag_of(name), "one of " + join(names), fmt::format("'{}'", name));
  for (const auto& field : fields())  // in the order of fields, whatever the order of flags
    if (const auto at = overrides.find(std::string(field.name)); at != overrides.end())
      plan.axes.push_back({at->first, parse_values(field, at->second, flag_of(at->first))});
  return plan;
}

/// Problems given by their ids, if any are; they leave nothing for other overrides to say.
std::vector<Problem> problems_of_ids(const AxisOverrides& overrides) {
  std::vector<Problem> problems;
  const auto at = overrides.find("problem");
  if (at == overrides.end()) return problems;
  for (const auto& [name, text] : overrides)
    if (name != "problem")
      fail(flag_of(name), "no other size or option beside --problem", fmt::format("'{}'", text));
  std::istringstream ids(at->second);
  for (std::string text; std::getline(ids, text, ',');) {
    try {
      problems.push_back(parse_id(text));
    } catch (const UsageError& error) {
      fail("--problem", "the id of a problem", fmt::format("'{}' ({})", text, error.what()));
    }
    if (std::count(problems.begin(), problems.end(), problems.back()) > 1)
      fail("--problem", "every id once", fmt::format("'{}' twice", text));
  }
  if (problems.empty()) fail("--problem", "the id of a problem", "''");
  return problems;
}

void apply(const ProtocolOverrides& over, ProtocolOverrides& base) {
  const auto take = [](const auto& from, auto& to) {
    if (from) to = from;
  };
  take(over.rounds, base.rounds);
  take(over.warmup, base.warmup);
  take(over.min_time_s, base.min_time_s);
  take(over.budget_s, base.budget_s);
  take(over.timeout_s, base.timeout_s);
  take(over.cache, base.cache);
  take(over.graph, base.graph);
  take(over.fresh_workers, base.fresh_workers);
  take(over.metrics, base.metrics);
  take(over.metrics_budget_s, base.metrics_budget_s);
}

/// The problems of all included files, each once; variants and overrides apply to each file.
void include(const ScenarioFile& source, Device device, bool quick, const AxisOverrides& overrides,
             Scenario& scenario) {
  for (const auto& entry : source.includes) {
    const auto file = scenario.file.parent_path() / entry.text;
    if (!std::filesystem::is_regular_file(file))
      fail(entry.origin, "a file beside this one", fmt::format("'{}'", entry.text));
    if (!read_scenario_file(file).includes.empty())
      fail(entry.origin, "a file without 'include'", fmt::format("'{}'", entry.text));
    for (auto& problem : load_scenario(file, device, quick, overrides).problems) {
      auto& all = scenario.problems;
      if (std::find(all.begin(), all.end(), problem) == all.end())
        all.push_back(std::move(problem));
      else
        ++scenario.repeated;
    }
  }
}

}  // namespace

void apply(const ProtocolOverrides& overrides, Protocol& protocol) {
  protocol.rounds = overrides.rounds.value_or(protocol.rounds);
  protocol.warmup = overrides.warmup.value_or(protocol.warmup);
  protocol.min_time_s = overrides.min_time_s.value_or(protocol.min_time_s);
  protocol.budget_s = overrides.budget_s.value_or(protocol.budget_s);
  protocol.timeout_s = overrides.timeout_s.value_or(protocol.timeout_s);
  protocol.cache = overrides.cache.value_or(protocol.cache);
  protocol.graph = overrides.graph.value_or(protocol.graph);
  protocol.fresh_workers = overrides.fresh_workers.value_or(protocol.fresh_workers);
  protocol.metrics = overrides.metrics.value_or(protocol.metrics);
  protocol.metrics_budget_s = overrides.metrics_budget_s.value_or(protocol.metrics_budget_s);
}

Scenario load_scenario(const std::filesystem::path& file, Device device, bool quick,
                       const AxisOverrides& overrides) {
  const auto source = read_scenario_file(file);
  Scenario scenario;
  scenario.name = source.name;
  scenario.title = source.title;
  scenario.shows = source.shows;
  scenario.references = source.references;
  scenario.file = file;

  ScenarioLayer all = source.base.usual;
  const auto& variant = device == Device::cpu ? source.cpu : source.cuda;
  bool narrowed = !overrides.empty();  // then problems that have become equal are kept once
  const auto add = [&](const ScenarioLayer& layer) {
    merge(all.plan, layer.plan);
    apply(layer.protocol, all.protocol);
    narrowed = narrowed || !layer.plan.axes.empty();
  };
  add(variant.usual);
  if (quick) add(source.base.quick);
  if (quick) add(variant.quick);
  scenario.protocol = all.protocol;

  scenario.problems = problems_of_ids(overrides);
  if (!scenario.problems.empty()) return scenario;
  if (!source.includes.empty()) {
    include(source, device, quick, overrides, scenario);
    return scenario;
  }
  merge(all.plan, plan_of(overrides));
  scenario.problems = expand(all.plan, narrowed);
  return scenario;
}

Scenario ad_hoc_scenario(const AxisOverrides& axes) {
  Scenario scenario;
  scenario.name = "ad_hoc";
  scenario.title = "Problems given on the command line";
  scenario.problems = problems_of_ids(axes);
  if (scenario.problems.empty()) scenario.problems = expand(plan_of(axes), false);
  return scenario;
}

}  // namespace rnnbench
