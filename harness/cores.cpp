#include "harness/cores.hpp"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <thread>

namespace rnnbench {
namespace {

/// Quota over period as a count of cores; 0 for none ("max", -1, or no such file).
double version_2(const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");
  double quota = 0, period = 0;
  return file >> quota >> period && quota > 0 && period > 0 ? quota / period : 0;
}

double version_1(const std::string& folder) {
  std::ifstream quota_file(folder + "/cpu.cfs_quota_us"),
      period_file(folder + "/cpu.cfs_period_us");
  double quota = 0, period = 0;
  return quota_file >> quota && period_file >> period && quota > 0 && period > 0 ? quota / period
                                                                                 : 0;
}

/// The smallest quota of `group` and those above it; a container sees its own group as the root.
template <class Read>
double smallest(const std::string& mount, std::string group, const Read& read) {
  double least = 0;
  for (;;) {
    if (const double cores = read(mount + group); cores > 0)
      least = least > 0 ? std::min(least, cores) : cores;
    const auto slash = group.rfind('/');
    if (slash == std::string::npos) return least;
    group.erase(slash);
  }
}

}  // namespace

int quota_cores(const std::string& mount, const std::string& membership) {
  double least = 0;
  std::istringstream lines(membership);
  for (std::string line; std::getline(lines, line);) {  // "hierarchy:controllers:/group"
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const auto controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    std::string group = line.substr(second + 1);
    if (group == "/") group.clear();
    double cores = 0;
    if (controllers == ",,") cores = smallest(mount, group, version_2);
    if (controllers.find(",cpu,") != std::string::npos)
      cores = smallest(mount + "/cpu", group, version_1);
    if (cores > 0) least = least > 0 ? std::min(least, cores) : cores;
  }
  return static_cast<int>(std::ceil(least));
}

int usable_cores() {
  int cores = static_cast<int>(std::thread::hardware_concurrency());
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) cores = CPU_COUNT(&set);
  std::ifstream file("/proc/self/cgroup");
  std::stringstream membership;
  membership << file.rdbuf();
  if (const int quota = quota_cores("/sys/fs/cgroup", membership.str()); quota > 0)
    cores = std::min(cores, quota);
  return std::max(1, cores);
}

}  // namespace rnnbench
