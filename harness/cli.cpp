#include "harness/cli.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <iostream>

#include "harness/build_info.hpp"
#include "harness/error.hpp"

namespace rnnbench {
namespace {

std::pair<std::string, std::string> key_value(const std::string& text, const char* flag) {
  const auto equals = text.find('=');
  if (equals == 0 || equals == std::string::npos)
    throw UsageError(fmt::format("{} '{}': expected name=value", flag, text));
  return {text.substr(0, equals), text.substr(equals + 1)};
}

DeviceChoice parse_device(const std::string& text) {
  const auto colon = text.find(':');
  const auto kind = text.substr(0, colon);
  const auto index = colon == std::string::npos ? "0" : text.substr(colon + 1);
  const bool digits = !index.empty() && index.size() < 4 &&
                      index.find_first_not_of("0123456789") == std::string::npos;
  if ((kind != "cpu" && kind != "cuda") || !digits)
    throw UsageError(fmt::format("--device '{}': expected cpu, cuda or cuda:N", text));
  return {kind == "cpu" ? Device::cpu : Device::cuda, std::stoi(index)};
}

/// What is kept as text until the parse is over, so that every mistake is reported the same way.
struct Texts {
  std::vector<std::string> devices, options, external, tags;
  std::map<std::string, std::optional<std::string>> axes;
  bool bidirectional = false, stateful = false, no_bias = false, no_color = false;
  bool no_verify = false, verify_only = false, graph = false, no_tuned = false,
       fresh_workers = false;
};

/// CLI11's own ranges print the largest double in full; this one says what is meant.
CLI::Validator finite(bool zero_too) {
  return CLI::Validator(
      [zero_too](std::string& text) -> std::string {
        double value = 0;
        if (CLI::detail::lexical_cast(text, value) && std::isfinite(value) &&
            (value > 0 || (zero_too && value == 0)))
          return {};
        return fmt::format("expected a number {} 0, found '{}'", zero_too ? "of at least" : "above",
                           text);
      },
      "NUMBER");
}

/// A number that fits 64 bits without a sign; the parser alone would wrap the others round.
CLI::Validator whole_number() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        std::uint64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error == std::errc() && end == text.data() + text.size()) return {};
        return fmt::format("expected a whole number from 0 to 2^64 - 1, found '{}'", text);
      },
      "NUMBER");
}

void add_selection(CLI::App& app, CommandLine& line, Texts& texts) {
  auto* group = app.add_option_group("What to run");
  group->add_option("--scenario", line.scenarios,
                    "a name from scenarios/ or a path; repeatable (rnnbench list scenarios)");
  group->add_flag("--quick", line.quick, "the scenario's quick variant");
  group
      ->add_option("--device", texts.devices,
                   "cpu, cuda or cuda:N; default: a GPU where one answers, else the CPU")
      ->delimiter(',');
  group->add_option("--impl", line.impls, "only these implementations")->delimiter(',');
  group->add_option("--skip-impl", line.skipped, "not these")->delimiter(',');
  group->add_option("--filter", line.filter, "regular expression on scenario/problem/impl");
  group->add_option("--plugin", line.plugins, "a shared library with implementations of yours");
  group->add_option("--external", texts.external,
                    "NAME='command': a program of yours that speaks the worker protocol");
  group->add_option("--option", texts.options, "name=value, handed to the implementations");
  group->add_option("--threads", line.threads, "CPU threads; 0: all cores")
      ->check(CLI::Range(0, 4096));
}

void add_axes(CLI::App& app, Texts& texts) {
  auto* group = app.add_option_group(
      "Sizes",
      "replace the scenario's axes, or make a problem without a file; lists 1,16,64, "
      "ranges 256:1024:256 (start:stop:stride), pow2:64:1024");
  const auto axis = [&](const char* flag, const char* key, const char* help) {
    group->add_option(flag, texts.axes[key], help);
  };
  axis("--problem", "problem", "problem ids, as results print them");
  axis("--cell", "cell", "rnn_tanh, rnn_relu, gru, lstm");
  axis("--batch", "batch", "B");
  axis("--seq", "seq", "T, time steps");
  axis("--input", "input", "I, input features (default: H)");
  axis("--hidden", "hidden", "H");
  axis("--layers", "layers", "L");
  axis("--dtype", "dtype", "f32, tf32, f16, bf16");
  axis("--layout", "layout", "tbc or btc (batch_first)");
  axis("--head", "head", "size of a linear head on the output");
  axis("--head-at", "head_at", "every_step or last_step");
  axis("--outputs", "outputs", "joined by +: output+h_n; a comma separates problems");
  group->add_flag("--bidirectional", texts.bidirectional, "both directions");
  group->add_flag("--no-bias", texts.no_bias, "no biases");
  group->add_flag("--stateful", texts.stateful, "the state is kept between calls");
}

/// `rnnbench tune` takes these too; what leaves checks or times away is for runs alone.
CLI::Option_group* add_protocol(CLI::App& app, CommandLine& line, Texts& texts) {
  auto* group = app.add_option_group("How to measure");
  auto& p = line.protocol;
  group->add_option("--repetitions", p.rounds, "interleaved rounds (9)")
      ->check(CLI::Range(1, 10000));
  group->add_option("--min-time", p.min_time_s, "seconds of samples a case (0.1)")
      ->check(finite(true));
  group
      ->add_option("--warmup", p.warmup,
                   "discarded calls at the start of a turn, and before --profile's call (1)")
      ->check(CLI::Range(0, 100000));
  group
      ->add_option("--budget", p.budget_s, "longest single call in seconds (5); not with --profile")
      ->check(finite(false));
  group->add_option("--timeout", p.timeout_s, "longest silence of a worker in seconds (120)")
      ->check(finite(false));
  group->add_option("--cache", p.cache, "hot, cold or rotate (hot)")
      ->check(CLI::IsMember({"hot", "cold", "rotate"}));
  group->add_flag("--graph", texts.graph, "on a GPU also as a CUDA graph, in rows of its own");
  group->add_flag(
      "--fresh-workers", texts.fresh_workers,
      "a new process for every turn, so that rounds are independent (rnnbench compare)");
  group->add_option("--seed", line.seed, "of inputs, weights and the order of turns (1)")
      ->check(whole_number());
  group->add_option("--bitwise", line.bitwise, "repeats that must agree bit for bit")
      ->check(CLI::Range(0, 100000));
  group->add_option("--metrics", p.metrics,
                    "counters after timing: none, default, full or NAME,… (default; rnnbench list "
                    "metrics)");
  group->add_option("--metrics-budget", p.metrics_budget_s, "seconds for them a case (3)")
      ->check(finite(false));
  group->add_flag("--dry-run", line.dry_run, "list the cases and stop");
  return group;
}

void add_run_modes(CLI::Option_group& group, CommandLine& line, Texts& texts) {
  group.add_flag("--verify-only", texts.verify_only, "no timing");
  group.add_flag("--no-verify", texts.no_verify, "no checks; outcomes are 'unverified'");
  group.add_option("--rtol", line.rtol, "relative tolerance instead of the derived one")
      ->check(finite(true));
  group.add_option("--atol", line.atol, "absolute tolerance, added to it")->check(finite(true));
  group.add_flag("--profile", line.profile,
                 "after the warm-up calls one bare call a case under NVTX, for ncu and nsys");
  group.add_option("--require-ran", line.require_ran, "fail when fewer cases ran")
      ->check(CLI::Range(0, 1000000));
  group.add_flag("--tune", line.tune, "first tune what has no tuned choice yet (rnnbench tune)");
  group.add_flag("--no-tuned", texts.no_tuned, "the models' defaults, whatever was tuned");
}

void add_tune_seed(CLI::App& app, CommandLine& line) {
  app.add_option("--tune-seed", line.tune_seed, "of the order of turns while tuning (1)")
      ->check(whole_number());
}

void add_output_basics(CLI::App& group, CommandLine& line, Texts& texts) {
  group.add_option("--out", line.out, "folder for the results (results/<scenario>-<time>)");
  group.add_option("--tag", texts.tags, "key=value, kept in the results");
  group.add_flag("--quiet", line.quiet, "no progress");
  group.add_flag("--no-color", texts.no_color, "plain text");
}

void add_output(CLI::App& app, CommandLine& line, Texts& texts) {
  auto* group = app.add_option_group("Output");
  add_output_basics(*group, line, texts);
  group->add_option("--format", line.formats, "console,json,csv,md,html")
      ->delimiter(',')
      ->check(CLI::IsMember({"console", "json", "csv", "md", "html"}));
  group->add_option("--resume", line.resume, "continue the interrupted run in this folder");
  group->add_option("--save-tensors", line.save_tensors,
                    "folder for inputs, weights and outputs as .npy");
}

void take_texts(CommandLine& line, const Texts& texts) {
  for (const auto& text : texts.devices) {
    const auto device = parse_device(text);
    const auto same = [&](const auto& d) {
      return d.kind == device.kind && d.index == device.index;
    };
    if (std::none_of(line.devices.begin(), line.devices.end(), same))
      line.devices.push_back(device);
  }
  for (const auto& text : texts.options) line.options.insert(key_value(text, "--option"));
  for (const auto& text : texts.tags) line.tags.insert(key_value(text, "--tag"));
  for (const auto& text : texts.external) line.external.push_back(key_value(text, "--external"));
  for (const auto& [key, value] : texts.axes)
    if (value) line.axes[key] = *value;
  if (texts.bidirectional) line.axes["bidirectional"] = "true";
  if (texts.stateful) line.axes["stateful"] = "true";
  if (texts.no_bias) line.axes["bias"] = "false";
  line.color = !texts.no_color;
  line.verify = !texts.no_verify;
  line.measure = !texts.verify_only;
  if (texts.graph) line.protocol.graph = true;
  if (texts.fresh_workers) line.protocol.fresh_workers = true;
  line.use_tuned = !texts.no_tuned;
  if (line.tune && texts.no_tuned)
    throw UsageError("--tune and --no-tuned: tuned choices cannot be made and ignored at once");
  if ((line.tune || line.command == Command::tune) && line.options.contains("config"))
    throw UsageError(
        "--option config=…: tuning chooses the config itself; leave out the one or the other");
  if (line.protocol.metrics) parse_metrics_choice(*line.protocol.metrics);
  if (texts.no_verify && texts.verify_only)
    throw UsageError("--verify-only and --no-verify leave nothing to do");
  if (!line.save_tensors.empty() && (texts.no_verify || line.profile))
    throw UsageError("--save-tensors saves what was verified: leave out --no-verify and --profile");
  if (!line.benchmark.filter.empty()) line.filter = line.benchmark.filter;
  if (line.benchmark.min_time.empty()) return;
  auto text = line.benchmark.min_time;
  if (text.ends_with('s')) text.pop_back();
  double seconds = 0;
  if (!CLI::detail::lexical_cast(text, seconds) || !std::isfinite(seconds) || seconds < 0)
    throw UsageError(fmt::format("--benchmark_min_time={}: expected seconds, such as 0.5s",
                                 line.benchmark.min_time));
  line.protocol.min_time_s = seconds;
}

CLI::App* add_tune(CLI::App& app, CommandLine& line, Texts& texts) {
  auto* tune = app.add_subcommand(
      "tune",
      "choose configurations: verifies and measures the candidates of tunable implementations, "
      "and\n"
      "keeps the default unless another gains 2 % outside the noise, twice (docs/tuning.md)");
  add_selection(*tune, line, texts);
  add_axes(*tune, texts);
  add_protocol(*tune, line, texts);
  auto* group = tune->add_option_group("Tuning");
  add_tune_seed(*group, line);
  group->add_flag("--force", line.force, "tune again what has a choice");
  group->add_flag("--aa", line.aa, "A/A test: every candidate is the default; keeps nothing");
  group->add_flag("--list", line.list_tuned, "show the choices that are kept, and stop");
  group
      ->add_option(
          "--clear", line.clear,
          "remove the choices whose line in --list fits this regular expression ('.': all), "
          "and stop")
      ->expected(0, 1);
  add_output_basics(*tune->add_option_group("Output"), line, texts);
  return tune;
}

CLI::App* add_report(CLI::App& app, CommandLine& line, Texts& texts) {
  auto* report =
      app.add_subcommand("report", "show a run again, or several side by side on one page");
  report->add_option("runs", line.runs, "results.json of each, or results.json.gz")->required();
  report->add_option("--out", line.out, "folder for the files (of one run: that of the run)");
  report->add_option("--format", line.report_formats, "of one run: console,md,csv,html")
      ->delimiter(',')
      ->check(CLI::IsMember({"console", "md", "csv", "html"}));
  report->add_flag("--no-color", texts.no_color, "plain text");
  return report;
}

CLI::App* add_compare(CLI::App& app, CommandLine& line, Texts& texts) {
  auto* compare = app.add_subcommand("compare",
                                     "whether one run is slower than another (docs/comparing.md)\n"
                                     "  rnnbench compare BASE.json NEW.json --fail-on regression\n"
                                     "  rnnbench compare --interleave OLD/rnnbench NEW/rnnbench "
                                     "--out DIR -- --scenario gru --quick");
  compare->add_option("runs", line.runs,
                      "results.json of the base and of the new one, or .json.gz");
  compare->add_option("--threshold", line.threshold, "changes up to this are none (2%)");
  compare
      ->add_option(
          "--noise-floor", line.noise_floor,
          "what runs of the same code differ by: 3%, or results.json of two or more of them")
      ->expected(1, 100);
  compare
      ->add_option("--fail-on", line.fail_on,
                   "exit code 1 on a regression, or also if undecided: too noisy, not comparable, "
                   "or a case is gone; on either where no case is in both runs")
      ->check(CLI::IsMember({"regression", "undecided"}));
  compare
      ->add_option("--interleave", line.interleave,
                   "two builds of rnnbench, run by turns with the arguments after two dashes")
      ->expected(2);
  compare->add_option("--rounds", line.compare_rounds, "of --interleave: processes a side (9)")
      ->check(CLI::Range(1, 1000))
      ->each([&line](const std::string&) { line.rounds_given = true; });
  compare->add_option("--seed", line.seed, "of --interleave: who goes first in each round (1)")
      ->check(whole_number());
  compare->add_flag("--judge-same-code", line.judge_same_code,
                    "a verdict also where nothing that runs has changed");
  compare->add_flag("--other-machine", line.other_machine,
                    "compare also between two machines of one kind");
  compare->add_option("--format", line.compare_format, "console, md or json, to standard output")
      ->check(CLI::IsMember({"console", "md", "json"}));
  compare->add_option("--out", line.out, "folder for comparison.md and comparison.json");
  compare->add_flag("--quiet", line.quiet, "no progress");
  compare->add_flag("--no-color", texts.no_color, "plain text");
  return compare;
}

void add_history_runs(CLI::App& app, CommandLine& line) {
  app.add_option("runs", line.runs, "results.json of each, or results.json.gz")->required();
  app.add_option("--commit", line.commit,
                 "of what was measured (the revision rnnbench was built of)");
  app.add_option("--time", line.commit_time,
                 "of the commit, ISO 8601: its place (when it was measured)");
  app.add_option("--resources", line.resources,
                 "kernel_resources.json of the build: registers, spills, shared memory");
}

CLI::App* add_history(CLI::App& app, CommandLine& line, Texts& texts) {
  auto* history = app.add_subcommand("history", "results over commits (docs/history.md)");
  history->require_subcommand(1);
  const auto command = [&](const char* name, const char* says) {
    auto* one = history->add_subcommand(name, says);
    one->callback([&line, name] { line.history_what = name; });
    return one;
  };
  const auto store = [&](CLI::App* one) {
    one->add_option("--store", line.store, "folder that holds history.jsonl")->required();
  };
  auto* add = command("add", "add runs; what is there of a commit stays");
  add_history_runs(*add, line);
  store(add);
  auto* html = command("html", "a page of trends: history.html");
  store(html);
  html->add_option("--out", line.out, "folder for the page (that of the store)");
  html->add_option("--commit-url", line.commit_url, "of a commit, with {} for its hash");
  html->add_option("--threshold", line.threshold, "changes of less are none (2%)");
  auto* check = command("check", "exit code 1 where a run is slower than the commits before it");
  add_history_runs(*check, line);
  store(check);
  check->add_option("--last", line.last, "commits to hold it against, at most (10)")
      ->check(CLI::Range(1, 1000));
  check->add_option("--threshold", line.threshold, "changes up to this are none (2%)");
  check->add_option("--noise-floor", line.floor_share,
                    "what runs of one code differ by at least: 3% (as the commits before do)");
  check->add_option("--format", line.compare_format, "console, md or json")
      ->check(CLI::IsMember({"console", "md", "json"}));
  check->add_flag("--no-color", texts.no_color, "plain text");
  auto* github =
      command("github", "for github-action-benchmark (customSmallerIsBetter), to standard output");
  add_history_runs(*github, line);
  return history;
}

/// What stands behind two dashes goes to the programs that `compare` runs.
void take_run_arguments(std::vector<std::string>& ours, CommandLine& line) {
  if (ours.empty() || ours.front() != "compare") return;
  const auto dashes = std::find(ours.begin(), ours.end(), "--");
  if (dashes == ours.end()) return;
  line.run_arguments.assign(dashes + 1, ours.end());
  ours.erase(dashes, ours.end());
}

/// CLI11's message in one line.
std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

}  // namespace

double parse_percentage(const std::string& text, const std::string& flag) {
  double value = 0;
  std::string number = text.ends_with('%') ? text.substr(0, text.size() - 1) : "";
  while (number.ends_with(' ')) number.pop_back();
  if (!CLI::detail::lexical_cast(number, value) || !std::isfinite(value) || value < 0 ||
      value >= 100)
    throw UsageError(fmt::format(
        "{} {}: expected a percentage such as 2%, of 0 and more and under 100", flag, text));
  return value / 100;
}

CommandLine parse_command_line(const std::vector<std::string>& arguments, bool& exit_now) {
  CommandLine line;
  line.arguments = arguments;
  Texts texts;
  CLI::App app(
      "rnnbench: which implementation of a recurrent layer is fastest on this machine, and why\n"
      "  rnnbench --scenario gru_bidir            verify and time, then a table and files\n"
      "  rnnbench --cell lstm --batch 1,16 --hidden 256:1024:256 --seq 100   without a file\n"
      "Exit code: 0 all that ran passed; 1 one was incorrect, failed, crashed or timed out; 2 bad "
      "usage; 130 interrupted.\nFlags that begin with --benchmark_ go to Google Benchmark.",
      "rnnbench");
  app.set_version_flag("--version", [] {
    std::string text;
    for (const auto& [label, value] : build_facts()) text += fmt::format("{}: {}\n", label, value);
    return text;
  });
  add_selection(app, line, texts);
  add_axes(app, texts);
  auto* protocol = add_protocol(app, line, texts);
  add_run_modes(*protocol, line, texts);
  add_tune_seed(*protocol, line);
  add_output(app, line, texts);
  auto* tune = add_tune(app, line, texts);
  auto* report = add_report(app, line, texts);
  auto* compare = add_compare(app, line, texts);
  auto* history = add_history(app, line, texts);
  auto* list = app.add_subcommand("list", "scenarios, implementations, devices and metrics");
  list->add_option("what", line.list_what)
      ->check(CLI::IsMember({"all", "scenarios", "impls", "devices", "metrics"}));
  list->add_option("--filter", line.filter, "of metrics: regular expression on their names");
  list->add_option("--device", texts.devices, "of metrics: cpu, cuda or cuda:N")->delimiter(',');
  list->add_option("--plugin", line.plugins);
  auto* doctor = app.add_subcommand(
      "doctor", "what this machine has, its measured ceilings, what exchanges cost");
  auto* calibrate =
      doctor->add_flag("--calibrate", line.calibrate, "measure the ceilings again, and keep them");
  doctor
      ->add_flag("--exchange", line.exchange,
                 "measure only what exchanging h between SMs costs, each way, and keep it")
      ->excludes(calibrate);
  doctor->add_flag("--json", line.json, "as JSON");
  doctor->add_option("--threads", line.threads, "ceilings of this many CPU threads; 0: all cores")
      ->check(CLI::Range(0, 4096));
  auto* worker = app.add_subcommand("worker", "answer the worker protocol on standard input");
  worker->group("");
  worker->add_option("--module", line.worker_modules);
  worker->add_option("--plugin", line.worker_plugins);

  std::vector<std::string> all = arguments, ours, theirs;
  take_run_arguments(all, line);
  for (const auto& argument : all)
    (argument.starts_with("--benchmark_") ? theirs : ours).push_back(argument);
  line.benchmark = read_benchmark_flags(theirs);
  std::reverse(ours.begin(), ours.end());  // CLI11 takes them from the back
  try {
    app.parse(ours);
  } catch (const CLI::Success& success) {  // --help, --version
    app.exit(success, std::cout, std::cerr);
    exit_now = true;
    return line;
  } catch (const CLI::ParseError& error) {
    throw UsageError(one_line(error.what()) + " (see rnnbench --help)");
  }
  if (list->parsed()) line.command = Command::list;
  if (doctor->parsed()) line.command = Command::doctor;
  if (tune->parsed()) line.command = Command::tune;
  if (report->parsed()) line.command = Command::report;
  if (compare->parsed()) line.command = Command::compare;
  if (history->parsed()) line.command = Command::history;
  if (worker->parsed()) line.command = Command::worker;
  take_texts(line, texts);
  return line;
}

}  // namespace rnnbench
