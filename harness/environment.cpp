#include "harness/environment.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <ctime>
#include <fstream>
#include <thread>

#include "harness/build_info.hpp"
#include "harness/cores.hpp"
#include "harness/timestamp.hpp"

namespace rnnbench {
namespace {

/// The value behind the first line of `file` that starts with `key`; "unknown" without one.
std::string look_up(const char* file, const std::string& key, char separator) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(key)) continue;
    const auto at = line.find(separator);
    auto value = at == std::string::npos ? line : line.substr(at + 1);
    value.erase(0, value.find_first_not_of(" \t\""));
    while (!value.empty() && (value.back() == '"' || value.back() == ' ')) value.pop_back();
    return value;
  }
  return "unknown";
}

}  // namespace

std::vector<std::pair<std::string, std::string>> environment_facts() {
  utsname system{};
  uname(&system);
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  std::vector<std::pair<std::string, std::string>> facts{
      {"host", host.data()},
      {"cpu", look_up("/proc/cpuinfo", "model name", ':')},
      {"cores", std::to_string(sysconf(_SC_NPROCESSORS_ONLN))},
      {"cores this process may use", std::to_string(usable_cores())},
      {"memory", look_up("/proc/meminfo", "MemTotal", ':')},
      {"load average", look_up("/proc/loadavg", "", '\0')},
      {"os", look_up("/etc/os-release", "PRETTY_NAME", '=')},
      {"kernel", fmt::format("{} {}", system.sysname, system.release)}};
  const auto built = build_facts();
  facts.insert(facts.end(), built.begin(), built.end());
  return facts;
}

std::string now_iso() { return utc_text(std::time(nullptr)); }

double load_average() {
  double load = 0;
  std::ifstream("/proc/loadavg") >> load;
  return load;
}

namespace {

/// Clock ticks since the start, of all cores: at work (also for other guests of the host), in all.
std::pair<double, double> cpu_ticks() {
  std::ifstream file("/proc/stat");
  std::string label;
  file >> label;
  double all = 0, idle = 0, ticks = 0;
  for (int k = 0; k < 8 && file >> ticks; ++k) {  // user nice system idle iowait irq softirq steal
    all += ticks;
    if (k == 3 || k == 4) idle += ticks;
  }
  return {all - idle, all};
}

}  // namespace

std::string busy_machine() {
  const auto [busy_before, all_before] = cpu_ticks();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const auto [busy, all] = cpu_ticks();
  const double share = all > all_before ? (busy - busy_before) / (all - all_before) : 0;
  if (share < 0.2) return "";
  return fmt::format(
      "warning: {:.0f} % of the machine's cores were at work before the start: other work disturbs "
      "times",
      100 * share);
}

}  // namespace rnnbench
