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

struct Replayed {
  Values values;
  std::size_t out_of_time = 0;   // launches that were chosen and left out
  std::size_t out_of_order = 0;  // launches at whose place another kernel came
  double longest_s = 0;          // replaying one launch
};

/// Ranges for `replay_launches`.
inline Ranges replay_ranges(const Chip& chip, Config& config) {
  return Ranges(chip, config, CUPTI_AutoRange, CUPTI_KernelReplay, 1);
}
/// Runs one forward, in which the launches of the ordinals `chosen`, ascending, are stopped at and
/// replayed alone, as often as their counters take. `expected`: the launches of a forward before.
/// Once `seconds` are spent no further one is begun. Throws Failure where CUPTI refuses this way.
Replayed replay_launches(Ranges& ranges, const std::vector<Launch>& expected,
                         const std::vector<std::size_t>& chosen,
                         const std::function<void()>& forward, double seconds);

/// The other way: the forward is repeated, and every launch in it is a range of its own.
Values repeat_forward(const Chip& chip, Config& config, std::size_t launches,
                      const std::function<void()>& forward);
inline constexpr std::size_t most_ranges = 512;

}  // namespace rnnbench::cupti
