// The CPU's counters, with a system made up and with this one.
#include "impls/common/perf_counters.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <map>
#include <set>
#include <thread>

#include "impls/common/team.hpp"

namespace rnnbench {
namespace {

/// A system whose threads count what they are told to, once a call.
class FakeSystem {
 public:
  struct Event {
    std::uint32_t type = 0;
    std::uint64_t config = 0;
    int thread = 0;
    PerfReading reading;
  };

  std::vector<int> threads{1};
  std::map<std::uint64_t, std::uint64_t> counts;   // by config; of a thread, in a call
  std::map<std::uint64_t, std::uint64_t> running;  // of 100 ns in a call; not there: all of them
  std::set<int> asleep;                            // threads that do not run in a call
  std::function<int(const perf_event_attr&, int)> refuse = [](auto&, int) { return 0; };
  bool readable = true;
  int calls = 0;
  std::function<void()> during = [] {};

  PerfApi api() {
    PerfApi api;
    api.threads = [this] { return threads; };
    api.open = [this](const perf_event_attr& attr, int thread) {
      EXPECT_TRUE(attr.disabled && attr.inherit && attr.exclude_hv);
      if (const int error = refuse(attr, thread)) return -error;
      open[next_] = {attr.type, attr.config, thread, {}};
      most_open = std::max(most_open, open.size());
      return next_++;
    };
    api.read = [this](int fd) {
      EXPECT_FALSE(counting_) << "read while counting";
      return readable ? std::optional(open.at(fd).reading) : std::nullopt;
    };
    api.close = [this](int fd) { EXPECT_EQ(open.erase(fd), 1U); };
    api.count = [this](bool on) { counting_ = on; };
    api.context_switches = [this] { return switches_; };
    return api;
  }

  PerfCounts count(const std::vector<std::string>& names, double budget_s = 100) {
    return count_events([this] { call(); }, names, budget_s, api());
  }

  std::map<int, Event> open;
  std::size_t most_open = 0;

 private:
  void call() {
    EXPECT_TRUE(counting_);
    ++calls;
    switches_ += 3;
    for (auto& [fd, event] : open) {
      if (asleep.contains(event.thread)) continue;
      const auto share = running.find(event.config);
      const std::uint64_t ran = share == running.end() ? 100 : share->second;
      event.reading.value += counts[event.config] * ran / 100;
      event.reading.enabled += 100;
      event.reading.running += ran;
    }
    during();
  }

  int next_ = 3;
  bool counting_ = false;
  std::uint64_t switches_ = 40;
};

constexpr std::uint64_t cycles = PERF_COUNT_HW_CPU_CYCLES;
constexpr std::uint64_t instructions = PERF_COUNT_HW_INSTRUCTIONS;

TEST(PerfCounters, ThreadsAreAddedAndCallsAreNot) {
  FakeSystem system;
  system.threads = {1, 2, 3};
  system.asleep = {3};
  system.counts = {{cycles, 1000}, {instructions, 2500}};
  const auto found = system.count({"cycles", "instructions", "context-switches"});
  EXPECT_EQ(system.calls, 5);
  EXPECT_EQ(found.metrics, (Metrics{{"cycles", read_as(2000)},
                                    {"instructions", read_as(5000)},
                                    {"context-switches", read_as(3)},
                                    {"instructions-per-cycle", read_as(2.5)}}));
  EXPECT_TRUE(found.warnings.empty());
  EXPECT_EQ(system.most_open, 6U);
  EXPECT_TRUE(system.open.empty()) << "left open";
}

TEST(PerfCounters, TheMedianOfTheCalls) {
  FakeSystem system;
  system.counts[cycles] = 50;
  system.during = [&] { system.counts[cycles] = system.calls == 1 ? 9000 : 50; };
  EXPECT_EQ(system.count({"cycles"}).metrics.at("cycles"), read_as(50));
}

TEST(PerfCounters, SharedCountersAreScaledAndSaid) {
  FakeSystem system;
  system.counts = {{cycles, 1000}, {instructions, 4000}};
  system.running = {{cycles, 25}, {instructions, 0}};
  const auto found = system.count({"cycles", "instructions"});
  EXPECT_EQ(found.metrics.at("cycles"), read_as(1000));
  EXPECT_EQ(found.metrics.at("instructions"),
            not_read("the CPU had no free counter: ask for fewer metrics"));
  EXPECT_FALSE(found.metrics.contains("instructions-per-cycle"));
  ASSERT_EQ(found.warnings.size(), 1U);
  EXPECT_NE(found.warnings[0].find("cycles (25 %)"), std::string::npos) << found.warnings[0];
}

TEST(PerfCounters, FourHardwareCountersAtOnceWhileTimeIsLeft) {
  const std::vector<std::string> names{"cycles",        "instructions",        "cache-references",
                                       "cache-misses",  "branch-instructions", "task-clock",
                                       "branch-misses", "page-faults",         "LLC-loads"};
  FakeSystem system;
  const auto all = system.count(names);
  EXPECT_EQ(system.most_open, 6U);
  EXPECT_EQ(system.calls, 10);
  for (const auto& name : names) EXPECT_EQ(all.metrics.at(name), read_as(0)) << name;

  FakeSystem hurried;
  const auto some = hurried.count(names, 0);
  EXPECT_EQ(hurried.calls, 1);
  EXPECT_EQ(some.metrics.at("page-faults"), read_as(0));
  EXPECT_EQ(some.metrics.at("LLC-loads"),
            not_read("no time was left for another call: ask for fewer metrics"));
  EXPECT_TRUE(system.open.empty() && hurried.open.empty());
}

TEST(PerfCounters, AThreadThatEndsIsNoError) {
  FakeSystem system;
  system.threads = {1, 2, 3};
  system.counts[cycles] = 100;
  system.refuse = [](auto&, int thread) { return thread == 2 ? ESRCH : 0; };  // since it was listed
  system.during = [&] { system.asleep = {3}; };                               // after one call
  EXPECT_EQ(system.count({"cycles"}, 0).metrics.at("cycles"), read_as(200));
  EXPECT_EQ(system.count({"cycles"}, 0).metrics.at("cycles"), read_as(100));
  EXPECT_TRUE(system.open.empty());
}

TEST(PerfCounters, WhatCannotBeReadIsNotZero) {
  FakeSystem system;
  system.readable = false;
  EXPECT_EQ(system.count({"cycles"}).metrics.at("cycles"),
            not_read("the opened counter could not be read"));
  FakeSystem idle;
  idle.asleep = {1};
  EXPECT_EQ(idle.count({"cycles"}).metrics.at("cycles"),
            not_read("the counter did not run during the call"));
}

TEST(PerfCounters, ErrorsNameTheirMend) {
  const auto why = [](int error, const char* name) {
    FakeSystem system;
    system.threads = {1, 2};
    system.refuse = [&](auto&, int thread) { return thread == 2 ? error : 0; };
    const Metric metric = system.count({name}).metrics.at(name);
    EXPECT_FALSE(metric.value);
    EXPECT_TRUE(system.open.empty()) << "the first thread's is left open";
    EXPECT_EQ(system.calls, 0) << "nothing to count";
    return metric.why;
  };
  const auto says = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos;
  };
  for (const int error : {ENOENT, EOPNOTSUPP, ENODEV})
    EXPECT_TRUE(says(why(error, "cycles"), "--metrics callgrind"));
  for (const int error : {EACCES, EPERM}) {
    EXPECT_TRUE(says(why(error, "cycles"), "perf_event_paranoid=2"));
    EXPECT_TRUE(says(why(error, "cycles"), "seccomp"));
    EXPECT_TRUE(says(why(error, "cpu-migrations"), "perf_event_paranoid=1"));
  }
  EXPECT_TRUE(says(why(EMFILE, "cycles"), "ulimit -n"));
  EXPECT_TRUE(says(why(ENOSYS, "cycles"), "no perf_event_open"));
  EXPECT_TRUE(says(why(EINVAL, "rffff"), "Invalid argument"));
}

TEST(PerfCounters, ACounterThatIsNotOnEveryThreadTakesNothing) {
  FakeSystem system;
  system.threads = {1, 2};
  system.refuse = [](const perf_event_attr& attr, int thread) {
    return attr.config == cycles && thread == 2 ? EMFILE : 0;
  };
  system.during = [&] { EXPECT_EQ(system.open.size(), 2U); };
  EXPECT_TRUE(system.count({"cycles", "instructions"}).metrics.at("instructions").value);
}

TEST(PerfCounters, OneMissingEventIsNoMissingHardware) {
  FakeSystem system;
  system.refuse = [](const perf_event_attr& attr, int) {
    return attr.type == PERF_TYPE_HW_CACHE ? ENOENT : 0;
  };
  const auto found = system.count({"LLC-loads", "cycles"});
  EXPECT_EQ(found.metrics.at("LLC-loads"), not_read("this CPU has no such counter"));
  EXPECT_TRUE(found.metrics.at("cycles").value);
}

TEST(PerfCounters, NamesRawCodesAndMistakes) {
  FakeSystem system;
  system.counts = {{0x1a8, 7}, {0xED, 8}};
  const auto found = system.count({"r1a8", "rED", "cycels", "r", "r1x", "zzz"});
  EXPECT_EQ(found.metrics.at("r1a8"), read_as(7));
  EXPECT_EQ(found.metrics.at("rED"), read_as(8));
  EXPECT_EQ(found.metrics.at("zzz"), not_read("no such counter: rnnbench list metrics"));
  for (const char* name : {"r", "r1x", "cycels"}) EXPECT_FALSE(found.metrics.at(name).value);
  const auto near = system.count({"instruction"}).metrics.at("instruction").why;
  EXPECT_EQ(near.find("no such counter; nearest: instructions, "), 0U) << near;
}

TEST(PerfCounters, EveryNamedLevelIsKnown) {
  FakeSystem system;
  const auto names = metric_names({MetricsChoice::Level::full, {}}, Device::cpu, Dtype::f32);
  const auto found = system.count(names);
  for (const auto& name : names) EXPECT_TRUE(found.metrics.at(name).value) << name;
  EXPECT_EQ(perf_counters().size(), names.size() + 1);
}

TEST(PerfCounters, TheRatioAlone) {
  FakeSystem system;
  system.counts = {{cycles, 1000}, {instructions, 500}};
  EXPECT_EQ(system.count({"instructions-per-cycle"}).metrics.at("instructions-per-cycle"),
            read_as(0.5));
  system.refuse = [](auto&, int) { return EMFILE; };
  EXPECT_NE(system.count({"instructions-per-cycle"})
                .metrics.at("instructions-per-cycle")
                .why.find("ulimit"),
            std::string::npos);
}

/// What `rnnbench list metrics` and docs/metrics.md say of it.
TEST(PerfCounters, TheTaskClockHasTheSystemsPartAndTheSwitching) {
  for (const auto& [name, about] : perf_counters())
    if (name == "task-clock") {
      EXPECT_NE(about.find("with the operating system's part"), std::string::npos) << about;
      EXPECT_NE(about.find("switching the counters on and off"), std::string::npos) << about;
    }
  const auto count = [](const std::function<void()>& call) {
    return count_events(call, {"task-clock"}, 1, system_perf_api()).metrics.at("task-clock");
  };
  const Metric nothing = count([] {});
  if (!nothing.value) GTEST_SKIP() << nothing.why;
  EXPECT_GT(*nothing.value, 0);
  const int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
  ASSERT_GE(zero, 0);
  std::vector<char> bytes(64 << 20);
  double process_ns = 1e18;  // of the shortest call
  const Metric reading = count([&] {
    const auto begin = std::clock();
    for (int k = 0; k < 4; ++k) EXPECT_GT(read(zero, bytes.data(), bytes.size()), 0);
    process_ns =
        std::min(process_ns, 1e9 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC);
  });
  close(zero);
  EXPECT_GT(*reading.value, 0.8 * process_ns)
      << "the system's part, for reading zeros is nothing else";
  EXPECT_GT(process_ns, 1e6);
}

/// This machine, whatever it has: a value, or why there is none.
TEST(PerfCounters, OfThisMachine) {
  auto names = metric_names({MetricsChoice::Level::full, {}}, Device::cpu, Dtype::f32);
  names.emplace_back("r0");
  const auto spin = [] {
    volatile double sum = 0;
    for (int k = 0; k < 5'000'000; ++k) sum = sum + k;
  };
  Team team(2);  // one thread that is there before, and one that begins during the call
  std::vector<double> process_ns;
  const auto call = [&] {
    const auto begin = std::clock();
    team.run([&](int) { spin(); });
    std::thread(spin).join();
    process_ns.push_back(1e9 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC);
  };
  const auto found = count_events(call, names, 2, system_perf_api());
  for (const auto& name : names) {
    const Metric& metric = found.metrics.at(name);
    EXPECT_NE(metric.value.has_value(), !metric.why.empty()) << name;
    RecordProperty(name, metric.value ? std::to_string(*metric.value) : metric.why);
  }
  if (const auto clock = found.metrics.at("task-clock").value) {
    EXPECT_GT(*clock, 0.8 * *std::min_element(process_ns.begin(), process_ns.end()));
    EXPECT_LT(*clock, 1.2 * *std::max_element(process_ns.begin(), process_ns.end()) + 1e6);
  }
  EXPECT_GE(found.metrics.at("context-switches").value.value(), 1) << "it waits for a thread";
  if (const auto count = found.metrics.at("instructions").value) {
    EXPECT_GT(*count, 3 * 5e6 * 3) << "a loop of three instructions or more, on three threads";
  }
}

}  // namespace
}  // namespace rnnbench
