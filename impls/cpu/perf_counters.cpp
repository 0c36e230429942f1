// Which events there are, how they are opened on every thread, and what their readings say.
#include "impls/common/perf_counters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <deque>
#include <map>

namespace rnnbench {
namespace {

constexpr int most_calls = 5;
constexpr int counters_at_once = 4;  // what a core has, with a sibling thread and a watchdog on it
constexpr const char* switches = "context-switches";
constexpr const char* ratio = "instructions-per-cycle";

struct Counter {
  const char* name;
  std::uint32_t type;
  std::uint64_t config;
  const char* about;
};

constexpr std::uint64_t cache(std::uint64_t which, bool miss) {
  return which | (PERF_COUNT_HW_CACHE_OP_READ << 8) |
         ((miss ? PERF_COUNT_HW_CACHE_RESULT_MISS : PERF_COUNT_HW_CACHE_RESULT_ACCESS) << 16);
}

constexpr std::array known{
    Counter{"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES,
            "core clock cycles, of all threads"},
    Counter{"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS,
            "instructions retired, those that spin at a barrier among them"},
    Counter{"cache-references", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES,
            "accesses to the last cache level, as the CPU defines them"},
    Counter{"cache-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES,
            "of these, the ones that missed"},
    Counter{"branch-instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS,
            "branches retired"},
    Counter{"branch-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES,
            "branches that were predicted wrongly"},
    Counter{"L1-dcache-loads", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_L1D, false),
            "loads from the first data cache"},
    Counter{"L1-dcache-load-misses", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_L1D, true),
            "of these, the ones that missed"},
    Counter{"LLC-loads", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_LL, false),
            "loads from the last cache level"},
    Counter{"LLC-load-misses", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_LL, true),
            "of these, the ones that missed"},
    Counter{"dTLB-load-misses", PERF_TYPE_HW_CACHE, cache(PERF_COUNT_HW_CACHE_DTLB, true),
            "loads whose page was not in the TLB"},
    Counter{
        "task-clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK,
        "time on cores, in ns, of all threads; with the operating system's part, and some us for "
        "switching the counters on and off"},
    Counter{"page-faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS,
            "pages that were not mapped when the call's own code touched them"},
    Counter{switches, PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CONTEXT_SWITCHES,
            "times a thread left its core"},
    Counter{"cpu-migrations", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_MIGRATIONS,
            "times a thread went to another core"},
};

std::optional<Counter> find(const std::string& name) {
  for (const Counter& counter : known)
    if (name == counter.name) return counter;
  std::uint64_t code = 0;
  const char* end = name.data() + name.size();
  if (!name.starts_with('r') || name.size() < 2) return std::nullopt;
  const auto read = std::from_chars(name.data() + 1, end, code, 16);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return Counter{"", PERF_TYPE_RAW, code, ""};
}

perf_event_attr attributes(const Counter& counter) {
  perf_event_attr attr;
  std::memset(&attr, 0, sizeof attr);
  attr.size = sizeof attr;
  attr.type = counter.type;
  attr.config = counter.config;
  attr.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
  attr.disabled = 1;
  attr.inherit = 1;  // threads that begin during a call
  attr.exclude_hv = 1;
  // The kernel moves threads: without it there would be 0 migrations, always.
  attr.exclude_kernel =
      counter.type != PERF_TYPE_SOFTWARE || counter.config != PERF_COUNT_SW_CPU_MIGRATIONS;
  return attr;
}

/// One counter on every thread of the process.
class Event {
 public:
  Event(const PerfApi& api, const perf_event_attr& attr, const std::vector<int>& threads)
      : api_(api) {
    for (const int thread : threads) {
      const int fd = api.open(attr, thread);
      if (fd >= 0)
        descriptors_.push_back(fd);
      else if (fd != -ESRCH)  // a thread that ended since they were listed
        error_ = -fd;
      if (error_ != 0) break;
    }
    if (descriptors_.empty() && error_ == 0) error_ = ESRCH;
    if (error_ != 0) close();  // its other threads' would only stand in the way of other counters
  }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { close(); }

  int error() const { return error_; }

  /// Of all threads; nothing where one of them cannot be read.
  std::optional<PerfReading> read() const {
    PerfReading sum;
    for (const int fd : descriptors_) {
      const auto one = api_.read(fd);
      if (!one) return std::nullopt;
      sum.value += one->value, sum.enabled += one->enabled, sum.running += one->running;
    }
    return sum;
  }

 private:
  void close() {
    for (const int fd : descriptors_) api_.close(fd);
    descriptors_.clear();
  }

  const PerfApi& api_;
  std::vector<int> descriptors_;
  int error_ = 0;
};

std::string why_not_opened(int error, const Counter& counter, bool others_were) {
  switch (error) {
    case ENOENT:
    case EOPNOTSUPP:
    case ENODEV:
      if (counter.type == PERF_TYPE_SOFTWARE) return "this kernel has no such counter";
      if (others_were) return "this CPU has no such counter";
      return "this machine gives no hardware counter (a virtual machine?): callgrind counts "
             "instructions: --metrics callgrind";
    case EACCES:
    case EPERM:
      return fmt::format(
          "not permitted: sysctl kernel.perf_event_paranoid={}, or run with CAP_PERFMON; in a "
          "container its seccomp filter may be what forbids it",
          attributes(counter).exclude_kernel ? 2 : 1);
    case EMFILE:
    case ENFILE:
      return "too many open files (one for each thread and counter): ulimit -n";
    case ENOSYS:
      return "the kernel has no perf_event_open";
    default:
      return fmt::format("perf_event_open: {}", std::strerror(error));
  }
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/// The calls' counts of one counter, and what they come to.
class Tally {
 public:
  void add(double count) { counts_.push_back(count); }

  void add(const std::optional<PerfReading>& before, const std::optional<PerfReading>& after) {
    if (!before || !after) {
      failed_ = true;
      return;
    }
    const auto enabled = static_cast<double>(after->enabled - before->enabled);
    const auto running = static_cast<double>(after->running - before->running);
    enabled_ += enabled, running_ += running;
    // Scaled over all threads together, as perf stat does: also one that found no counter has part.
    if (running > 0)
      counts_.push_back(static_cast<double>(after->value - before->value) * enabled / running);
  }

  /// The part of the time that was counted.
  double share() const { return enabled_ > 0 ? running_ / enabled_ : 1; }

  Metric metric() const {
    if (failed_) return not_read("the opened counter could not be read");
    if (!counts_.empty()) return read_as(median(counts_));
    if (enabled_ > 0) return not_read("the CPU had no free counter: ask for fewer metrics");
    return not_read("the counter did not run during the call");
  }

 private:
  std::vector<double> counts_;
  double enabled_ = 0, running_ = 0;
  bool failed_ = false;
};

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Wanted {
  std::string name;
  Counter counter;
};

class Collection {
 public:
  Collection(const std::function<void()>& call, double budget_s, const PerfApi& api)
      : call_(call), api_(api), start_(now()), budget_s_(budget_s) {}

  PerfCounts take(const std::vector<std::string>& names) {
    std::vector<std::vector<Wanted>> passes(1);
    int hardware = 0;
    for (const auto& name : names) {
      if (name == ratio) continue;  // from others
      const auto counter = find(name);
      if (!counter) {
        const auto near = nearest_metrics(name, perf_counters());
        found_.metrics[name] = not_read(
            near.empty() ? "no such counter: rnnbench list metrics"
                         : fmt::format("no such counter; nearest: {}", fmt::join(near, ", ")));
        continue;
      }
      if (counter->type == PERF_TYPE_SOFTWARE) {  // takes none of the CPU's: they go first
        passes[0].push_back({name, *counter});
        continue;
      }
      if (hardware > 0 && hardware % counters_at_once == 0) passes.emplace_back();
      passes.back().push_back({name, *counter});
      ++hardware;
    }
    for (std::size_t k = 0; k < passes.size(); ++k) {
      const double part = static_cast<double>(k + 1) / static_cast<double>(passes.size());
      run(passes[k], start_ + budget_s_ * part);
    }
    explain();
    return std::move(found_);
  }

 private:
  void run(const std::vector<Wanted>& pass, double end) {
    const auto threads = api_.threads();
    std::deque<Event> events;
    std::vector<std::pair<std::string, const Event*>> opened;  // null: context switches
    for (const auto& [name, counter] : pass) {
      if (name == switches) {
        opened.emplace_back(name, nullptr);
        continue;
      }
      const Event& event = events.emplace_back(api_, attributes(counter), threads);
      if (event.error() != 0) {
        failures_.push_back({{name, counter}, event.error()});
        continue;
      }
      hardware_opened_ |= counter.type != PERF_TYPE_SOFTWARE;
      opened.emplace_back(name, &event);
    }
    if (opened.empty()) return;
    if (longest_call_s_ > 0 && now() + longest_call_s_ > end) {
      for (const auto& entry : opened)
        found_.metrics[entry.first] =
            not_read("no time was left for another call: ask for fewer metrics");
      return;
    }
    std::vector<Tally> tallies(opened.size());
    for (int calls = 0; calls == 0 || (calls < most_calls && now() + longest_call_s_ <= end);
         ++calls)
      count_one(opened, tallies);
    for (std::size_t k = 0; k < opened.size(); ++k) {
      const auto& name = opened[k].first;
      found_.metrics[name] = tallies[k].metric();
      if (found_.metrics[name].value && tallies[k].share() < 0.99)
        scaled_.push_back(fmt::format("{} ({:.0f} %)", name, 100 * tallies[k].share()));
    }
  }

  void count_one(const std::vector<std::pair<std::string, const Event*>>& opened,
                 std::vector<Tally>& tallies) {
    const double begin = now();
    std::vector<std::optional<PerfReading>> before;
    for (const auto& entry : opened)
      before.push_back(entry.second ? entry.second->read() : PerfReading{});
    const auto switches_before = api_.context_switches();
    api_.count(true);
    call_();
    api_.count(false);
    const auto switched = api_.context_switches() - switches_before;
    for (std::size_t k = 0; k < opened.size(); ++k)
      if (const Event* event = opened[k].second)
        tallies[k].add(before[k], event->read());
      else
        tallies[k].add(static_cast<double>(switched));
    longest_call_s_ = std::max(longest_call_s_, now() - begin);
  }

  /// What is known only when all was tried: reasons, and what follows from the counts.
  void explain() {
    for (const auto& [wanted, error] : failures_)
      found_.metrics[wanted.name] =
          not_read(why_not_opened(error, wanted.counter, hardware_opened_));
    if (!scaled_.empty())
      found_.warnings.push_back(fmt::format(
          "counters were shared; counted for a part of the time and scaled to all of it: {}",
          fmt::join(scaled_, ", ")));
  }

  const std::function<void()>& call_;
  const PerfApi& api_;
  const double start_, budget_s_;
  double longest_call_s_ = 0;
  bool hardware_opened_ = false;
  std::vector<std::pair<Wanted, int>> failures_;  // and errno
  std::vector<std::string> scaled_;
  PerfCounts found_;
};

bool contains(const std::vector<std::string>& names, const char* name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::vector<MetricInfo> perf_counters() {
  std::vector<MetricInfo> all;
  for (const Counter& counter : known) all.push_back({counter.name, counter.about});
  all.push_back({ratio, "instructions over cycles; comes with the two"});
  return all;
}

PerfCounts count_events(const std::function<void()>& call, const std::vector<std::string>& names,
                        double budget_s, const PerfApi& api) {
  const bool ratio_named = contains(names, ratio);
  auto wanted = names;
  if (ratio_named)
    for (const char* part : {"instructions", "cycles"})
      if (!contains(wanted, part)) wanted.insert(wanted.begin(), part);
  PerfCounts found = Collection(call, budget_s, api).take(wanted);
  const Metric cycles = found.metrics["cycles"], instructions = found.metrics["instructions"];
  if (cycles.value && instructions.value && *cycles.value > 0)
    found.metrics[ratio] = read_as(*instructions.value / *cycles.value);
  else if (ratio_named)
    found.metrics[ratio] = not_read(!cycles.value         ? cycles.why
                                    : !instructions.value ? instructions.why
                                                          : "no cycles were counted");
  for (const char* part : {"instructions", "cycles"})
    if (!contains(wanted, part)) found.metrics.erase(part);
  return found;
}

}  // namespace rnnbench
