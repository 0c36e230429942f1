// The system's side of perf_counters: perf_event_open and what belongs to it.
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "impls/common/perf_counters.hpp"

namespace rnnbench {
namespace {

std::vector<int> own_threads() {
  std::vector<int> threads;
  std::error_code none;  // no /proc: the calling thread, as 0
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task", none))
    threads.push_back(std::atoi(entry.path().filename().c_str()));
  if (threads.empty()) threads.push_back(0);
  return threads;
}

int open_event(const perf_event_attr& attr, int thread) {
  const long fd = syscall(SYS_perf_event_open, &attr, thread, -1, -1, PERF_FLAG_FD_CLOEXEC);
  return fd < 0 ? -errno : static_cast<int>(fd);
}

std::optional<PerfReading> read_event(int fd) {
  PerfReading reading;  // as PERF_FORMAT_TOTAL_TIME_ENABLED and _RUNNING lay it out
  static_assert(sizeof reading == 3 * sizeof(std::uint64_t));
  if (read(fd, &reading, sizeof reading) != sizeof reading) return std::nullopt;
  return reading;
}

/// Of the whole process, threads that ended among them. The event of the same name is the kernel's
/// own doing, so that a user without rights would read 0 from it.
std::uint64_t context_switches() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::uint64_t>(usage.ru_nvcsw) + static_cast<std::uint64_t>(usage.ru_nivcsw);
}

}  // namespace

PerfApi system_perf_api() {
  PerfApi api;
  api.threads = own_threads;
  api.open = open_event;
  api.read = read_event;
  api.close = [](int fd) { ::close(fd); };
  // One system call for all events this thread opened: reading hundreds of them one after the other
  // would be instructions of ours in each other's counts.
  api.count = [](bool on) {
    prctl(on ? PR_TASK_PERF_EVENTS_ENABLE : PR_TASK_PERF_EVENTS_DISABLE, 0, 0, 0, 0);
  };
  api.context_switches = context_switches;
  return api;
}

}  // namespace rnnbench
