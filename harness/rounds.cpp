#include "harness/rounds.hpp"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>

#include "harness/error.hpp"

namespace rnnbench {
namespace {

class Collector : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override { rounds.push_back(runs); }
  std::vector<std::vector<Run>> rounds;
};

std::unique_ptr<benchmark::BenchmarkReporter> reporter(const std::string& format) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // CSV: deprecated, not removed
  if (format == "csv") return std::make_unique<benchmark::CSVReporter>();
#pragma GCC diagnostic pop
  if (format == "json") return std::make_unique<benchmark::JSONReporter>();
  if (format == "console")
    return std::make_unique<benchmark::ConsoleReporter>(benchmark::ConsoleReporter::OO_None);
  throw UsageError(fmt::format("benchmark format '{}': expected console, json or csv", format));
}

void replay(const std::vector<std::vector<benchmark::BenchmarkReporter::Run>>& rounds,
            const std::string& format, std::ostream& out) {
  const auto writer = reporter(format);
  writer->SetOutputStream(&out);
  writer->SetErrorStream(&std::cerr);
  benchmark::BenchmarkReporter::Context context;
  for (const auto& runs : rounds)
    for (const auto& run : runs)
      context.name_field_width = std::max(context.name_field_width, run.benchmark_name().size());
  if (!writer->ReportContext(context)) return;
  for (const auto& runs : rounds) writer->ReportRuns(runs);
  writer->Finalize();
}

}  // namespace

BenchmarkFlags read_benchmark_flags(const std::vector<std::string>& arguments) {
  BenchmarkFlags flags;
  for (const auto& argument : arguments) {
    const auto equals = argument.find('=');
    const auto key = argument.substr(0, equals);
    const auto value = equals == std::string::npos ? "" : argument.substr(equals + 1);
    if (key == "--benchmark_out")
      flags.out = value;
    else if (key == "--benchmark_out_format")
      flags.out_format = value;
    else if (key == "--benchmark_format")
      flags.format = value;
    else if (key == "--benchmark_list_tests")
      flags.list_tests = value.empty() || value == "true";
    else if (key == "--benchmark_filter")
      flags.filter = value;
    else if (key == "--benchmark_min_time")
      flags.min_time = value;
    else
      flags.handed_on.push_back(argument);
  }
  reporter(flags.out_format);
  if (!flags.format.empty()) reporter(flags.format);
  return flags;
}

struct Rounds::State {
  BenchmarkFlags flags;
  Collector collector;
};

Rounds::Rounds(const BenchmarkFlags& flags) : state_(std::make_unique<State>()) {
  state_->flags = flags;
  static std::string program = "rnnbench";
  std::vector<std::string> words = flags.handed_on;
  std::vector<char*> argv{program.data()};
  for (auto& word : words) argv.push_back(word.data());
  int argc = static_cast<int>(argv.size());
  argv.push_back(nullptr);
  benchmark::Initialize(&argc, argv.data());
  if (argc > 1)
    throw UsageError(fmt::format("{}: Google Benchmark does not know this flag", argv[1]));
}

Rounds::~Rounds() = default;

void Rounds::round(const std::vector<Turn>& turns) {
  for (const auto& turn : turns)
    benchmark::RegisterBenchmark(turn.name.c_str(),
                                 [&turn](benchmark::State& state) {
                                   std::vector<double> seconds;
                                   try {
                                     seconds = turn.run(static_cast<int>(state.max_iterations));
                                   } catch (const std::exception& error) {
                                     state.SkipWithError(error.what());
                                   }
                                   std::size_t next = 0;
                                   for ([[maybe_unused]] auto iteration : state)
                                     state.SetIterationTime(seconds[next++]);
                                 })
        ->UseManualTime()
        ->Iterations(turn.samples)
        ->Unit(benchmark::kMillisecond);
  benchmark::RunSpecifiedBenchmarks(&state_->collector, ".");
  benchmark::ClearRegisteredBenchmarks();
}

void Rounds::finish() {
  const auto& flags = state_->flags;
  if (!flags.format.empty()) replay(state_->collector.rounds, flags.format, std::cout);
  if (flags.out.empty()) return;
  std::ofstream file(flags.out);
  if (file) replay(state_->collector.rounds, flags.out_format, file);
  file.close();
  if (!file)
    throw Error(
        fmt::format("--benchmark_out={}: cannot be written ({})", flags.out, std::strerror(errno)));
}

}  // namespace rnnbench
