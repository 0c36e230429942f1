#include "harness/callgrind.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "harness/callgrind_file.hpp"
#include "harness/runner.hpp"
#include "harness/verification.hpp"

namespace rnnbench {
namespace {

namespace fs = std::filesystem;

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

}  // namespace

Metric callgrind_instructions(const LiveCase& live, WorkerPool& pool, const ProblemData& data,
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

}  // namespace rnnbench
