// `rnnbench compare`: two runs, or two builds run by turns, and whether one is slower.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <sstream>

#include "harness/comparison.hpp"
#include "harness/error.hpp"
#include "harness/interleave.hpp"
#include "harness/main.hpp"
#include "harness/progress.hpp"
#include "reports/comparison_report.hpp"
#include "reports/text.hpp"

namespace rnnbench {
namespace {

namespace fs = std::filesystem;

bool is_share(const std::string& text) { return text.ends_with('%'); }

/// A share, or files of runs of the same code.
void take_noise_floor(const std::vector<std::string>& given, ComparisonOptions& options) {
  if (given.empty()) return;
  if (given.size() == 1 && is_share(given[0])) {
    options.noise_floor = parse_percentage(given[0], "--noise-floor");
    return;
  }
  std::vector<RunResult> runs;
  for (const auto& file : given) {
    if (std::error_code ignored; !fs::exists(file, ignored) && given.size() == 1)
      throw UsageError(fmt::format(
          "--noise-floor {}: expected a percentage such as 3%, or results.json of two or more runs",
          clean(file)));
    if (std::count(given.begin(), given.end(), file) > 1)
      throw UsageError(
          fmt::format("--noise-floor {}: named twice: name different runs", clean(file)));
    runs.push_back(read_json(file));
  }
  options.noise_floors = noise_floors(runs);
  for (const auto& [name, floor] : options.noise_floors)
    options.noise_floor = std::max(options.noise_floor, floor);
}

/// A flag that the comparison sets itself in every process.
void refuse_own_flags(const std::vector<std::string>& arguments) {
  for (const auto& argument : arguments)
    for (const char* own : {"--repetitions", "--out", "--format", "--metrics", "--resume",
                            "--no-verify", "--dry-run", "--profile"})
      if (argument == own || argument.starts_with(std::string(own) + "="))
        throw UsageError(fmt::format(
            "compare --interleave sets {} itself: leave it out (--rounds says how many processes)",
            own));
}

std::vector<RunResult> run_by_turns(const CommandLine& line) {
  refuse_own_flags(line.run_arguments);
  if (line.run_arguments.empty())
    throw UsageError(
        "compare --interleave: say what to run after two dashes: -- --scenario gru --quick");
  if (line.out.empty())
    throw UsageError("compare --interleave: name a folder for the results with --out");
  for (const auto& program : line.interleave)  // before the other one's turn, not after it
    if (std::error_code ignored;               // a name alone may be in PATH
        program.find('/') != std::string::npos &&
        (!fs::is_regular_file(program, ignored) || access(program.c_str(), X_OK) != 0))
      throw UsageError(fmt::format(
          "--interleave {}: no program that can be run: name the rnnbench of a build, such as "
          "build/rnnbench",
          clean(program)));
  const fs::path folder = make_folder(line.out);
  InterleavePlan plan;
  std::copy(line.interleave.begin(), line.interleave.end(), plan.programs);
  plan.arguments = line.run_arguments;
  plan.rounds = line.compare_rounds;
  plan.seed = line.seed;
  plan.folder = folder / fmt::format(".processes-{}", getpid());
  Progress progress(line.quiet);
  int done = 0;
  const auto runs = interleave(
      plan, [](const fs::path& file) { return read_json(file); },
      [&](int round, const std::string& side) {
        progress.show(fmt::format("round {}: {}", round + 1, side),
                      static_cast<std::size_t>(done++), 2 * static_cast<std::size_t>(plan.rounds));
      });
  progress.clear();
  for (const int side : {0, 1}) {
    std::ostringstream text;
    write_json(text, runs[static_cast<std::size_t>(side)]);
    write_file(folder / (side == 0 ? "base.json" : "new.json"), text.view());
  }
  return runs;
}

std::string rendered(const Comparison& comparison, const std::string& format, bool color) {
  std::ostringstream text;
  if (format == "md")
    write_comparison_markdown(text, comparison);
  else if (format == "json")
    write_comparison_json(text, comparison);
  else
    write_comparison_console(text, comparison, {.color = color});
  return text.str();
}

}  // namespace

int compare_command(const CommandLine& line) {
  const bool by_turns = !line.interleave.empty();
  if (by_turns == !line.runs.empty())
    throw UsageError(
        line.noise_floor.size() > 1
            ? "compare: name two runs, BASE.json NEW.json, before --noise-floor, which takes all "
              "files after it"
            : "compare: name two runs, BASE.json NEW.json, or two programs with --interleave");
  if (!by_turns && line.runs.size() != 2)
    throw UsageError(
        fmt::format("compare: expected two runs, BASE.json NEW.json, found {}", line.runs.size()));
  if (!by_turns && line.rounds_given)
    throw UsageError("compare: --rounds goes with --interleave: runs have the processes they have");
  if (!by_turns && !line.run_arguments.empty())
    throw UsageError("compare: arguments of a run, after two dashes, go with --interleave");
  ComparisonOptions options;
  options.threshold = parse_percentage(line.threshold, "--threshold");
  options.equal_code_rule = !line.judge_same_code;
  options.other_machine = line.other_machine;
  take_noise_floor(line.noise_floor, options);

  std::vector<RunResult> runs;
  if (by_turns)
    runs = run_by_turns(line);
  else
    for (const auto& file : line.runs) runs.push_back(read_json(file));
  const auto comparison = compare_runs(runs[0], runs[1], options);
  if (!line.out.empty()) {
    const fs::path folder = make_folder(line.out);
    write_file(folder / "comparison.md", rendered(comparison, "md", false));
    write_file(folder / "comparison.json", rendered(comparison, "json", false));
  }
  const bool color = line.color && isatty(STDOUT_FILENO) != 0 && !std::getenv("NO_COLOR");
  std::cout << rendered(comparison, line.compare_format, color) << std::flush;

  if (line.fail_on.empty()) return 0;
  if (has_regression(comparison)) return 1;
  return line.fail_on == "undecided" && is_undecided(comparison) ? 1 : 0;
}

}  // namespace rnnbench
