// Counters of single kernels within a forward call that launches many.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "impls/cuda/cupti/counters.hpp"
#include "impls/cuda/cupti/launches.hpp"

namespace rnnbench::cupti {

/// Values in the order of the configuration's names, by launch ordinal.
using Values = std::map<std::size_t, std::vector<double>>;

struct Found {
  Values values;
  std::size_t out_of_time = 0;   // launches that were chosen and left out
  std::size_t out_of_order = 0;  // launches at whose place another kernel came
  double longest_s = 0;          // for one launch
};

/// What the ways below need: the launches of a forward before (`expected`), which of them to look
/// at (ordinals, ascending), a forward call that waits for the device, and the seconds after which
/// no further launch is begun. They add to what was found, and throw Failure where CUPTI refuses.
struct Visit {
  const std::vector<Launch>& expected;
  const std::vector<std::size_t>& chosen;
  const std::function<void()>& forward;
  double seconds;
};

/// One pass a forward call, in which the profiler is on for the chosen launch and up to `lead`
/// before it, which bring back to the caches what starting the profiler took: each pass finds them
/// as the call leaves them to that launch.
class InPlace {
 public:
  static constexpr std::size_t lead = 8;
  InPlace(const Chip& chip, Config& config)
      : passes_(config.passes()),
        ranges_(chip, config, CUPTI_AutoRange, CUPTI_UserReplay, lead + 1) {}
  void look(const Visit& visit, Found& found);

 private:
  int passes_;
  Ranges ranges_;
};

/// One forward call, whose chosen launches are stopped at and replayed alone. For calls too long
/// to be repeated: memory is saved and restored around each pass, so that caches are not as in the
/// call (why_not_alone in withheld.hpp).
class Alone {
 public:
  Alone(const Chip& chip, Config& config)
      : ranges_(chip, config, CUPTI_AutoRange, CUPTI_KernelReplay, 1) {}
  void look(const Visit& visit, Found& found);

 private:
  Ranges ranges_;
};

/// For calls of few launches: each launch is a range, and the call is repeated pass by pass, in
/// each of them `calls` times, of which the last counts. Throws Error once it is clear that
/// `seconds` are too few.
Values look_at_all(const Chip& chip, Config& config, std::size_t launches,
                   const std::function<void()>& forward, int calls, double seconds);

}  // namespace rnnbench::cupti
