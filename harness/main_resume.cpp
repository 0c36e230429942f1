#include "harness/main_resume.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "harness/build_info.hpp"

namespace rnnbench {
namespace {

namespace fs = std::filesystem;

/// A resumed run goes on as it was begun: other flags would make two halves of different runs.
void only_resume(const std::vector<std::string>& arguments) {
  for (std::size_t k = 0; k < arguments.size(); ++k) {
    const auto& word = arguments[k];
    if (word == "--resume")
      ++k;
    else if (word != "--quiet" && word != "--no-color" && !word.starts_with("--resume="))
      throw UsageError(fmt::format(
          "{}: --resume goes on with the flags that the run was begun with, and takes no others "
          "but --quiet and --no-color",
          word));
  }
}

/// When the program and its modules were last linked, in seconds.
long long linked_at() {
  fs::file_time_type newest = fs::last_write_time(program_file());
  for (const char* module : {"cpu", "cuda"})
    if (const auto file = module_file(module))
      newest = std::max(newest, fs::last_write_time(*file));
  return std::chrono::duration_cast<std::chrono::seconds>(newest.time_since_epoch()).count();
}

/// Problems that have not all their cases: "scenario/id".
struct Incomplete {
  std::set<std::pair<std::size_t, std::string>> of_plan;
  std::set<std::string> anywhere;  // on any device
};

KeptCases by_plan(const std::vector<RunPlan>& plans,
                  const std::vector<std::vector<PlannedCase>>& planned, const Catalog& catalog,
                  std::vector<CaseResult> earlier, Incomplete& incomplete) {
  std::multimap<std::string, CaseResult> left;  // two scenarios of one name have each name twice
  for (auto& result : earlier) left.emplace(case_name(result), std::move(result));
  KeptCases kept(plans.size());
  for (std::size_t k = 0; k < plans.size(); ++k)
    for (const auto& one : planned[k]) {
      const auto name = name_of(one, plans[k], catalog);
      if (const auto found = left.lower_bound(name); found != left.end() && found->first == name) {
        kept[k].insert(left.extract(found));
        continue;
      }
      const auto& scenario = plans[k].scenarios[one.scenario];
      const auto problem = scenario.name + "/" + id(scenario.problems[one.problem]);
      incomplete.of_plan.insert({k, problem});
      incomplete.anywhere.insert(problem);
    }
  if (!left.empty())
    throw UsageError(
        fmt::format("--resume: {} was measured before and is no case of this run now: is a library "
                    "missing here, or was a scenario edited? Mend that, or run anew with --out",
                    left.begin()->first));
  return kept;
}

}  // namespace

std::string this_build() {
  // Modules from elsewhere are of a revision that nobody states.
  const bool own_modules = !std::getenv("RNNBENCH_MODULES");
  const auto& info = build_info();
  return own_modules && is_stated(info)
             ? build_text(info)
             : fmt::format("{}, linked at {}", build_text(info), linked_at());
}

CommandLine resumed(const CommandLine& typed, JournalContents& earlier) {
  only_resume(typed.arguments);
  earlier = read_journal(typed.resume);
  if (const auto build = this_build(); earlier.build != build)
    throw UsageError(
        fmt::format("--resume {}: it was begun with another build ({}; this is {}): run anew with "
                    "--out",
                    typed.resume, earlier.build, build));
  const auto results = fs::absolute(typed.resume);
  std::error_code not_there;  // on another machine it may lie elsewhere: then where one is
  fs::current_path(earlier.folder, not_there);
  earlier.folder = fs::current_path().string();
  bool exit_now = false;
  CommandLine line = parse_command_line(earlier.arguments, exit_now);
  line.resume = results.string();
  line.quiet = typed.quiet;
  line.color = line.color && typed.color;
  return line;
}

void require_same_kind(const std::string& folder, const JournalContents& earlier,
                       const Machine& machine) {
  if (const auto other = difference(earlier.kind, machine.kind); !other.empty())
    throw UsageError(
        fmt::format("--resume {}: it was begun on another kind of machine ({}): go on on one like "
                    "that, or run anew with --out",
                    folder, other));
}

KeptCases whole_problems(const std::vector<RunPlan>& plans,
                         const std::vector<std::vector<PlannedCase>>& planned,
                         const Catalog& catalog, std::vector<CaseResult> earlier,
                         const std::string& machine) {
  Incomplete incomplete;
  KeptCases kept = by_plan(plans, planned, catalog, std::move(earlier), incomplete);
  for (std::size_t k = 0; k < plans.size(); ++k)
    std::erase_if(kept[k], [&](const auto& entry) {
      const CaseResult& result = entry.second;
      const auto problem = result.scenario + "/" + id(result.problem);
      return incomplete.of_plan.contains({k, problem}) ||
             (result.machine != machine && incomplete.anywhere.contains(problem));
    });
  return kept;
}

}  // namespace rnnbench
