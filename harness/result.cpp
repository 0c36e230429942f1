#include "harness/result.hpp"

#include <algorithm>
#include <array>

#include "harness/error.hpp"

namespace rnnbench {
namespace {

constexpr std::array<std::pair<Outcome, std::string_view>, 9> outcomes{{
    {Outcome::passed, "passed"},
    {Outcome::mistrusted, "mistrusted"},
    {Outcome::incorrect, "incorrect"},
    {Outcome::failed, "failed"},
    {Outcome::crashed, "crashed"},
    {Outcome::timed_out, "timed out"},
    {Outcome::unsupported, "unsupported"},
    {Outcome::over_budget, "over budget"},
    {Outcome::unverified, "unverified"},
}};

constexpr std::array<std::pair<ConfigSource, std::string_view>, 5> config_sources{{
    {ConfigSource::none, ""},
    {ConfigSource::model, "model"},
    {ConfigSource::tuned, "tuned"},
    {ConfigSource::asked, "asked"},
    {ConfigSource::candidate, "candidate"},
}};

}  // namespace

std::string_view name(ConfigSource source) {
  for (const auto& [value, word] : config_sources)
    if (value == source) return word;
  return "?";
}

ConfigSource parse_config_source(std::string_view text) {
  for (const auto& [value, word] : config_sources)
    if (word == text) return value;
  throw UsageError("config source '" + std::string(text) +
                   "' is not known: expected model, tuned, asked, candidate or nothing");
}

std::string_view name(Outcome outcome) {
  for (const auto& [value, word] : outcomes)
    if (value == outcome) return word;
  return "?";
}

Outcome parse_outcome(std::string_view text) {
  std::string all;
  for (const auto& [value, word] : outcomes) {
    if (word == text) return value;
    all += (all.empty() ? "" : ", ") + std::string(word);
  }
  throw UsageError("outcome '" + std::string(text) + "' is not known: expected one of " + all);
}

bool is_wrong(Outcome outcome) {
  return outcome == Outcome::incorrect || outcome == Outcome::failed ||
         outcome == Outcome::crashed || outcome == Outcome::timed_out;
}

std::string short_device(const std::string& device) {
  return device.ends_with(":0") ? device.substr(0, device.size() - 2) : device;
}

std::string case_name(const std::string& scenario, const Problem& problem, const std::string& impl,
                      const std::string& mode, const std::string& device) {
  const auto where = short_device(device);
  return scenario + "/" + id(problem) + "/" + impl + (mode == "eager" ? "" : "/" + mode) +
         (where.find(':') == std::string::npos ? "" : "/" + where);
}

std::string case_name(const CaseResult& c) {
  return case_name(c.scenario, c.problem, c.impl, c.mode, c.device);
}

int exit_code(const RunResult& run) {
  return std::any_of(run.cases.begin(), run.cases.end(),
                     [](const CaseResult& c) { return is_wrong(c.outcome); })
             ? 1
             : 0;
}

std::optional<std::size_t> fastest(const RunResult& run, const std::string& scenario,
                                   const std::string& problem_id) {
  const Problem problem = parse_id(problem_id);  // compared as a whole: ids are slow to make
  std::optional<std::size_t> best;
  for (std::size_t k = 0; k < run.cases.size(); ++k) {
    const CaseResult& c = run.cases[k];
    if (c.outcome != Outcome::passed || !c.time || c.scenario != scenario) continue;
    if (!(c.problem == problem)) continue;
    if (!best || c.time->median < run.cases[*best].time->median) best = k;
  }
  return best;
}

}  // namespace rnnbench
