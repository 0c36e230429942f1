// Tunable implementations for the tests of the tuner, as a plug-in of their own: a plain tanh RNN
// whose calls last as long as their configuration says, to the microsecond, on any machine.
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "harness/impl.hpp"
#include "tests/zoo/plain_rnn.hpp"

namespace rnnbench {
namespace {

using Clock = std::chrono::steady_clock;

struct Config {
  const char* name;
  int microseconds;  // of one call
  const char* why;
};
constexpr Config base{"base", 300, "conservative"};
constexpr Config quick{"quick", 210, "30 % less time"};
constexpr Config near_base{"near", 297, "1 % less time"};
constexpr Config same{"same", 300, "as long"};
constexpr Config wrong{"wrong", 60, "fastest, and off by one"};
constexpr Config lucky{"lucky", 210, "quick in the first process that makes it, and never again"};
constexpr Config dies{"dies", 60, "ends its process"};
constexpr Config all_configs[] = {base, quick, near_base, same, wrong, lucky, dies};

const Config& config_of(const Options& options) {
  const auto asked = options.more.find("config");
  if (asked == options.more.end()) return all_configs[0];
  for (const auto& config : all_configs)
    if (asked->second == config.name) return config;
  throw UsageError("config '" + asked->second + "' is not one of base, quick, near, same, wrong");
}

/// Whether a process before this one has made the lucky configuration; $RNNBENCH_ZOO_MARK is the
/// file that it left behind.
bool luck_is_over() {
  static const bool over = [] {
    const char* mark = std::getenv("RNNBENCH_ZOO_MARK");
    if (!mark || access(mark, F_OK) == 0) return true;
    std::ofstream(mark) << "made\n";
    return false;
  }();
  return over;
}

class Timed final : public Kernel {
 public:
  Timed(const Problem& p, const Tensors& t, const Config& config)
      : p_(p), t_(t), config_(config), lasts_(config.microseconds) {
    if (config.name == lucky.name && luck_is_over())
      lasts_ = std::chrono::microseconds(base.microseconds);
  }

  void launch(Stream) override {
    const auto end = Clock::now() + lasts_;
    if (config_.name == dies.name) std::raise(SIGKILL);
    plain_rnn(p_, t_, p_.seq);
    float* out = static_cast<float*>(t_.output ? t_.output : t_.h_n);
    if (config_.name == wrong.name) out[0] += 1;
    while (Clock::now() < end) {
    }
  }

  std::string note() const override { return config_.name; }

 private:
  const Problem p_;
  const Tensors t_;
  const Config config_;
  std::chrono::microseconds lasts_;
};

Reason unsupported(const Problem& p, const DeviceInfo&) {
  if (is_plain_rnn(p)) return std::nullopt;
  return "only rnn_tanh, one layer, no options";
}

std::unique_ptr<Kernel> make(const Problem& p, const Tensors& t, const Options& options) {
  return std::make_unique<Timed>(p, t, config_of(options));
}

Candidate candidate(const Config& config) { return {config.name, config.why}; }

/// What short sequences offer is less: a choice for many steps need not be there for few.
std::vector<Candidate> some_faster(const Problem& p, const DeviceInfo&, const Options&) {
  if (p.seq < 3) return {candidate(base), candidate(near_base)};
  return {candidate(base), candidate(near_base), candidate(quick), candidate(wrong)};
}

/// With `--option only=base` there is nothing to choose from.
std::vector<Candidate> one_faster(const Problem&, const DeviceInfo&, const Options& options) {
  if (options.more.contains("only")) return {candidate(base)};
  return {candidate(base), candidate(quick)};
}

std::vector<Candidate> none_faster(const Problem&, const DeviceInfo&, const Options&) {
  return {candidate(base), candidate(same), candidate(near_base)};
}

std::vector<Candidate> only_lucky(const Problem&, const DeviceInfo&, const Options&) {
  return {candidate(base), candidate(lucky), candidate(dies)};
}

std::vector<Candidate> too_many(const Problem&, const DeviceInfo&, const Options&) {
  return {candidate(base), candidate(quick), candidate(near_base), candidate(same),
          candidate(wrong)};
}

#define TUNABLE(which, these)                \
  RNNBENCH_IMPL({.name = which,              \
                 .device = Device::cpu,      \
                 .summary = "for the tuner", \
                 .unsupported = unsupported, \
                 .make = make,               \
                 .candidates = these})
TUNABLE("zoo_tunable", some_faster);
TUNABLE("zoo_quick", one_faster);
TUNABLE("zoo_even", none_faster);
TUNABLE("zoo_lucky", only_lucky);
TUNABLE("zoo_crowded", too_many);

}  // namespace
}  // namespace rnnbench
