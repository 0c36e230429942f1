#include "harness/tune_lookup.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace rnnbench {
namespace {

bool offers(const std::vector<Candidate>& candidates, const std::string& config) {
  return std::any_of(candidates.begin(), candidates.end(),
                     [&](const auto& candidate) { return candidate.config == config; });
}

void look_up(const RunPlan& plan, PlannedCase& planned, const std::vector<Candidate>& candidates,
             const Catalog& catalog, const std::vector<TuneEntry>& entries, CodeHashes& hashes) {
  const auto key = tune_key(plan, planned, catalog);
  const auto& origin = catalog.providers()[catalog.offers()[planned.offer].provider].origin;
  const auto& code = hashes.of(origin);
  if (const auto* entry = find_entry(entries, key, code)) {
    if (!offers(candidates, entry->config)) {
      planned.config_note =
          fmt::format("{} was tuned for this class, but is no candidate here", entry->config);
      return;
    }
    planned.config = entry->config;
    planned.config_source = ConfigSource::tuned;
    planned.config_note = gain_line(*entry);
    const auto problem = id(plan.scenarios[planned.scenario].problems[planned.problem]);
    if (entry->switched() && entry->problem != problem)
      planned.config_note += ", measured on " + entry->problem;
  } else if (const auto* stale = find_stale(entries, key, code)) {
    planned.config_note = fmt::format("{}, tuned for other code on {}, is stale; rnnbench tune",
                                      stale->config, stale->date.substr(0, 10));
  }
}

}  // namespace

void choose_configs(const RunPlan& plan, std::vector<PlannedCase>& cases, Catalog& catalog,
                    const std::vector<TuneEntry>& entries, CodeHashes& hashes) {
  for (auto& planned : cases) {
    const Offer& offer = catalog.offers()[planned.offer];
    if (!offer.info.tunable || !planned.unsupported.empty()) continue;
    if (const auto asked = plan.options.find("config"); asked != plan.options.end()) {
      planned.config = asked->second;
      planned.config_source = ConfigSource::asked;
      continue;
    }
    planned.config_source = ConfigSource::model;
    try {
      const auto candidates = catalog.candidates(
          planned.offer, plan.scenarios[planned.scenario].problems[planned.problem],
          plan.device.index, plan.options);
      planned.config = candidates.front().config;
      look_up(plan, planned, candidates, catalog, entries, hashes);
    } catch (const Interrupted&) {
      throw;
    } catch (const Error& error) {  // it can still run as its model has it
      planned.config_note = error.what();
    }
  }
}

}  // namespace rnnbench
