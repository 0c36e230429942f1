#include "harness/interleave.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <random>

#include "harness/comparison.hpp"
#include "harness/interrupt.hpp"

extern char** environ;

namespace rnnbench {
namespace {

namespace fs = std::filesystem;

constexpr const char* side_names[2] = {"base", "new"};

/// File actions that are freed whatever happens.
class Redirections {
 public:
  Redirections() { posix_spawn_file_actions_init(&actions_); }
  ~Redirections() { posix_spawn_file_actions_destroy(&actions_); }
  Redirections(const Redirections&) = delete;
  Redirections& operator=(const Redirections&) = delete;
  void open(int fd, const fs::path& file) {
    posix_spawn_file_actions_addopen(&actions_, fd, file.c_str(), O_WRONLY | O_CREAT | O_TRUNC,
                                     0644);
  }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

/// Exit code of a program whose output goes to `log`, 128 + signal where one ended it.
int run_program(const std::vector<std::string>& words, const fs::path& log) {
  std::vector<char*> argv;
  for (const auto& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  Redirections redirections;
  redirections.open(STDOUT_FILENO, "/dev/null");
  redirections.open(STDERR_FILENO, log);
  pid_t pid = -1;
  if (const int error =
          posix_spawnp(&pid, argv[0], redirections.get(), nullptr, argv.data(), environ))
    throw UsageError(fmt::format("--interleave {}: {}", words[0], std::strerror(error)));
  int status = 0;
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) throw Error(fmt::format("waitpid: {}", std::strerror(errno)));
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

std::string last_line(const fs::path& log) {
  std::ifstream in(log);
  std::string last;
  for (std::string line; std::getline(in, line);)
    if (!line.empty()) last = line;
  return last;
}

/// Gone with its owner, whatever happens.
class Scratch {
 public:
  explicit Scratch(fs::path folder) : folder_(std::move(folder)) {}
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

 private:
  fs::path folder_;
};

/// One process of one side, as its results.json. Exit code 1, a wrong case, is in the results.
RunResult run_once(const InterleavePlan& plan, int side, int round, const ReadRun& read) {
  const fs::path folder = plan.folder / fmt::format("{}-{}", round, side_names[side]);
  fs::create_directories(folder);
  std::vector<std::string> words{plan.programs[side]};
  words.insert(words.end(), plan.arguments.begin(), plan.arguments.end());
  words.insert(words.end(), {"--repetitions", "1", "--metrics", "none", "--quiet", "--format",
                             "json", "--out", folder.string()});
  if (round > 0) words.emplace_back("--no-verify");
  const fs::path log = folder / "stderr.txt";
  const int code = run_program(words, log);
  if (code == 130 || interrupted()) throw Interrupted();
  const auto said = last_line(log);
  if (code == 2)
    throw UsageError(
        fmt::format("{} refuses: {}", plan.programs[side], said.empty() ? "exit code 2" : said));
  if (code > 2 || !fs::exists(folder / "results.json"))
    throw Error(fmt::format("{} ended with exit code {}: {}", plan.programs[side], code,
                            said.empty() ? "it said nothing" : said));
  return read(folder / "results.json");
}

/// Adds the cases of one more process: its samples as a round of theirs; what went wrong stays.
void add(RunResult& all, const RunResult& one, int round) {
  for (auto& result : all.cases) {
    const auto found = std::find_if(
        one.cases.begin(), one.cases.end(),
        [&](const CaseResult& other) { return case_name(other) == case_name(result); });
    const bool has_times = found != one.cases.end() && !found->samples.empty();
    if (!has_times && !result.samples.empty()) {  // worked before, and no longer
      result.outcome = found == one.cases.end() ? Outcome::failed : found->outcome;
      result.reason = fmt::format("in round {}: {}", round + 1,
                                  found == one.cases.end() ? "it was not run" : found->reason);
      result.samples.clear();
      result.time.reset();
      result.wall.reset();
    }
    if (result.samples.empty() || !has_times) continue;
    for (auto sample : found->samples) {
      sample.round = round;
      result.samples.push_back(sample);
    }
  }
}

void summarize_all(RunResult& run) {
  for (auto& result : run.cases) {
    if (result.samples.empty()) continue;
    std::vector<double> device, wall;
    std::vector<int> rounds;
    for (const auto& sample : result.samples) {
      device.push_back(sample.seconds);
      wall.push_back(sample.wall_seconds);
      rounds.push_back(sample.round);
    }
    result.time = summarize(device, rounds);
    result.wall = summarize(wall, rounds);
  }
}

}  // namespace

std::vector<RunResult> interleave(const InterleavePlan& plan, const ReadRun& read,
                                  const std::function<void(int, const std::string&)>& say) {
  const Scratch scratch(plan.folder);
  std::vector<RunResult> runs(2);
  std::mt19937_64 random(plan.seed);
  for (int round = 0; round < plan.rounds; ++round) {
    int order[2] = {0, 1};
    std::shuffle(std::begin(order), std::end(order), random);
    for (const int side : order) {
      say(round, side_names[side]);
      const auto one = run_once(plan, side, round, read);
      if (round == 0) {
        runs[side] = one;
      } else {
        add(runs[side], one, round);
        runs[side].elapsed_s += one.elapsed_s;
      }
    }
  }
  for (auto& run : runs) {
    summarize_all(run);
    run.environment.facts.emplace_back(by_turns_fact, runs[0].started);
    for (auto& plan_protocol : run.protocols) {
      plan_protocol.protocol.rounds = plan.rounds;
      plan_protocol.protocol.fresh_workers = true;
    }
  }
  return runs;
}

}  // namespace rnnbench
