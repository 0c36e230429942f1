// What the system tells about its processor: the device card, and the clock right now.
#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include "impls/common/cpu_backend.hpp"
#include "impls/common/team.hpp"

namespace rnnbench {
namespace {

/// First line of a small file; empty where it cannot be read.
std::string line_of(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

/// "512K" as sysfs writes sizes, in bytes; 0 for anything else.
double size_of(const std::string& text) {
  char unit = 0;
  double value = 0;
  if (std::sscanf(text.c_str(), "%lf%c", &value, &unit) < 1) return 0;
  return value * (unit == 'K' ? 1024.0 : unit == 'M' ? 1048576.0 : 1.0);
}

int first_core() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0)
    for (int core = 0; core < CPU_SETSIZE; ++core)
      if (CPU_ISSET(core, &set)) return core;
  return 0;
}

/// "0-3,8" counted: 5.
int count_list(const std::string& text) {
  int total = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find(',', at), text.size());
    int first = 0, last = 0;
    const int read = std::sscanf(text.substr(at, end - at).c_str(), "%d-%d", &first, &last);
    if (read >= 1) total += read == 2 ? last - first + 1 : 1;
    at = end + 1;
  }
  return total;
}

struct Cache {
  double bytes = 0;  // one instance
  int shared_by = 1;
};

/// Data and unified caches of one core by level: sysfs, or sysconf where a container hides it.
std::map<int, Cache> caches() {
  std::map<int, Cache> found;
  for (int index = 0; index < 8; ++index) {
    const auto folder =
        fmt::format("/sys/devices/system/cpu/cpu{}/cache/index{}/", first_core(), index);
    const double bytes = size_of(line_of(folder + "size"));
    if (bytes == 0 || line_of(folder + "type") == "Instruction") continue;
    const int level = std::atoi(line_of(folder + "level").c_str());
    found[level] = {bytes, std::max(1, count_list(line_of(folder + "shared_cpu_list")))};
  }
  if (!found.empty()) return found;
  const int names[] = {_SC_LEVEL1_DCACHE_SIZE, _SC_LEVEL2_CACHE_SIZE, _SC_LEVEL3_CACHE_SIZE};
  for (int level = 1; level <= 3; ++level)
    if (const long bytes = sysconf(names[level - 1]); bytes > 0)
      found[level] = {static_cast<double>(bytes), level == 3 ? usable_cores() : 1};
  return found;
}

/// Values of the first processor in /proc/cpuinfo.
std::map<std::string, std::string> cpuinfo() {
  std::map<std::string, std::string> values;
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line) && !line.empty();) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    const auto key_end = line.find_last_not_of(" \t", colon - 1);
    if (key_end == std::string::npos) continue;
    values[line.substr(0, key_end + 1)] = colon + 2 < line.size() ? line.substr(colon + 2) : "";
  }
  return values;
}

struct Isa {
  std::string features = "not known";
  double fma_per_clock = 0;
};

/// Vector features and, from them, f32 multiply-adds a clock: two FMA pipes of the widest vectors
/// is what server cores of the last ten years have; some have one for 512 bit, and lower clocks.
Isa isa() {
#ifdef __x86_64__
  Isa found{"SSE2", 0};
  const auto add = [&](bool there, const char* name) {
    if (there) found.features += std::string(", ") + name;
  };
  add(__builtin_cpu_supports("avx"), "AVX");
  add(__builtin_cpu_supports("avx2"), "AVX2");
  add(__builtin_cpu_supports("fma"), "FMA");
  add(__builtin_cpu_supports("avx512f"), "AVX-512F");
  add(__builtin_cpu_supports("avx512bf16"), "AVX-512 BF16");
  if (__builtin_cpu_supports("fma")) found.fma_per_clock = 16;
  if (__builtin_cpu_supports("avx512f")) found.fma_per_clock = 32;
  return found;
#else
  return {};
#endif
}

std::string bytes_text(double bytes) {
  if (bytes >= 1 << 20) return fmt::format("{:g} MiB", bytes / (1 << 20));
  return fmt::format("{:g} KiB", bytes / 1024);
}

/// Highest clock: from the frequency driver, else (as in most virtual machines) what the processor
/// runs at now.
double clock_hz(const std::map<std::string, std::string>& info, bool& is_highest) {
  const auto highest =
      line_of(fmt::format("/sys/devices/system/cpu/cpu{}/cpufreq/cpuinfo_max_freq", first_core()));
  is_highest = !highest.empty();
  if (is_highest) return std::atof(highest.c_str()) * 1e3;
  const auto now = info.find("cpu MHz");
  return now == info.end() ? 0 : std::atof(now->second.c_str()) * 1e6;
}

}  // namespace

DeviceInfo cpu_device() {
  const auto info = cpuinfo();
  const auto vector_units = isa();
  DeviceInfo device;
  device.kind = Device::cpu;
  const auto model = info.find("model name");
  device.name = model == info.end() ? "CPU" : model->second;
  device.units = usable_cores();
  bool clock_is_highest = false;
  device.clock_hz = clock_hz(info, clock_is_highest);
  device.memory_bytes =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  device.fma_per_clock = vector_units.fma_per_clock;

  auto& card = device.card;
  card = {{"CPU", device.name}, {"cores this process may use", std::to_string(device.units)}};
  if (device.clock_hz > 0)
    card.emplace_back(clock_is_highest ? "clock, highest" : "clock, as reported now",
                      fmt::format("{:.0f} MHz", device.clock_hz * 1e-6));
  card.emplace_back("vector instructions", vector_units.features);
  if (device.fma_per_clock > 0)
    card.emplace_back("f32 multiply-adds per clock and core",
                      fmt::format("{:g} (estimated from the vector width)", device.fma_per_clock));
  const auto levels = caches();
  for (const auto& [level, cache] : levels) {
    const auto shared = cache.shared_by > 1 ? fmt::format(", shared by {} cores", cache.shared_by)
                                            : std::string(", one a core");
    card.emplace_back(fmt::format("L{} cache", level), bytes_text(cache.bytes) + shared);
    // L2 is a core's own; of the last level it has a share. L1 holds copies of what is in L2.
    if (level > 1) device.on_chip_bytes += cache.bytes / cache.shared_by;
  }
  if (!levels.empty()) {
    const Cache& last = levels.rbegin()->second;
    const int instances = (device.units + last.shared_by - 1) / last.shared_by;
    device.llc_bytes = last.bytes * instances;
  }
  card.emplace_back("memory", fmt::format("{:.1f} GiB", device.memory_bytes / (1u << 30)));
  return device;
}

std::vector<std::pair<std::string, std::string>> cpu_state() {
  const auto info = cpuinfo();
  const auto clock = info.find("cpu MHz");
  if (clock == info.end()) return {};
  return {{"clock", fmt::format("{:.0f} MHz", std::atof(clock->second.c_str()))}};
}

}  // namespace rnnbench
