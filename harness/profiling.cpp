#include "harness/profiling.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "harness/callgrind_file.hpp"
#include "harness/findings.hpp"
#include "harness/roofline.hpp"
#include "harness/runner.hpp"
#include "harness/verification.hpp"

namespace rnnbench {
namespace {

namespace fs = std::filesystem;

constexpr const char* callgrind = "callgrind";

/// A program on $PATH; empty where there is none.
std::string program_on_path(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path ? path : "/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const fs::path file = fs::path(folder) / name;
    if (!folder.empty() && access(file.c_str(), X_OK) == 0) return file.string();
  }
  return {};
}

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (fs::temp_directory_path() / "rnnbench-XXXXXX").string();
    if (!mkdtemp(pattern.data())) throw Error("no temporary folder can be made: " + pattern);
    path_ = pattern;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// Instructions of one call, counted by valgrind: exact, and tens of times slower.
Metric instructions(const LiveCase& live, WorkerPool& pool, const ProblemData& data,
                    const RunPlan& plan) {
  const std::string valgrind = program_on_path("valgrind");
  if (valgrind.empty()) return not_read("valgrind is not installed: apt-get install valgrind");
  const TemporaryFolder folder;
  const fs::path out = folder.path() / "callgrind.out";
  const auto worker =
      pool.worker_under(live.seat, {valgrind, "-q", "--tool=callgrind", "--instr-atstart=no",
                                    "--callgrind-out-file=" + out.string()});
  LiveCase again = live;  // its set-up time under valgrind is nobody's
  make_timed(again, *worker, data, plan);
  ProfileRequest request;
  request.metrics = {callgrind};
  const Profile profile = worker->metrics(timed_key, request);
  std::ifstream file(out.string() + ".1");
  if (const auto total = callgrind_total(file)) return read_as(*total);
  const auto said = profile.region.find(callgrind);
  const bool reason = said != profile.region.end() && !said->second.why.empty();
  return not_read(reason ? said->second.why : "callgrind wrote no count");
}

}  // namespace

void collect_metrics(const ProblemData& data, std::vector<LiveCase>& cases, WorkerPool& pool,
                     const RunPlan& plan) {
  const auto choice = parse_metrics_choice(plan.protocol.metrics);
  if (choice.level == MetricsChoice::Level::none) return;
  ProfileRequest request;
  request.metrics = metric_names(choice, plan.device.kind);
  request.timeline = choice.level != MetricsChoice::Level::named;
  request.budget_s = plan.protocol.metrics_budget_s;
  const bool cpu = plan.device.kind == Device::cpu;
  const bool counted = cpu && std::erase(request.metrics, callgrind) > 0;
  for (auto& live : cases) {
    if (!live.live) continue;
    auto& result = live.result;
    const auto trouble = [&](const std::exception& error) {
      result.warnings.push_back(fmt::format(
          "its counters could not be read: {}; --metrics none leaves them out", error.what()));
      return std::string(error.what());
    };
    bool as_before = cpu;
    try {
      result.profile = pool.worker(live.seat).metrics(timed_key, request);
    } catch (const Interrupted&) {
      throw;
    } catch (const std::exception& error) {
      as_before = false;
      result.profile = unread(request, trouble(error));
    }
    if (!as_before) pool.retire(live.seat);
    try {
      if (counted) result.profile->region[callgrind] = instructions(live, pool, data, plan);
    } catch (const Interrupted&) {
      throw;
    } catch (const std::exception& error) {
      result.profile->region[callgrind] = not_read(trouble(error));
    }
    try {
      result.meaning = meaning_of(result, *result.profile, plan.device, &plan.peaks);
      result.findings = findings_of(result, *result.profile, plan.device, &plan.peaks);
    } catch (const std::exception& error) {
      trouble(error);
    }
  }
}

}  // namespace rnnbench
