// Counters of single kernels within a forward call that launches many. No CUDA header here.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "impls/cuda/cupti/launches.hpp"
#include "impls/cuda/cupti/profiler.hpp"

namespace rnnbench::cupti {

/// Values in the order of the session's names, by launch ordinal.
using Values = std::map<std::size_t, std::vector<double>>;

struct Found {
  Values values;
  std::size_t out_of_time = 0;   // launches that were chosen and left out
  std::size_t failed = 0;        // that were looked at and gave nothing
  std::string why_failed;        // the last of them
  std::size_t out_of_order = 0;  // at whose place another kernel came
  double pace = 1;               // what a launch took, over what it was expected to
};

/// A launch to look at, those that may stand for it in a pass (places_of), and the seconds that
/// this should take.
struct Sample {
  std::size_t ordinal;
  std::vector<std::size_t> places;
  double cost;
};

/// What looking needs: the launches of a forward before (`expected`), which of them to look at, the
/// dearest group's first, a forward call that waits for the device, and the seconds after which no
/// further launch is begun. Adds to what was found, and throws where the profiler refuses.
struct Visit {
  const std::vector<Launch>& expected;
  const std::vector<Sample>& chosen;
  const std::function<void()>& forward;
  double seconds;
  std::size_t lead;  // launches before it for which the profiler is on: look_in_place
};

/// A pass at each place of a launch, and further forward calls until it has all its passes. The
/// profiler is on for the place and `lead` launches before it, of a call before where it is among
/// the first: each pass finds caches as the call leaves them to that launch. One place has a call
/// of its own before it, where there are too few launches before it in its own.
void look_in_place(Profiler& profiler, Session& session, const Visit& visit, Found& found);

/// One forward call, whose chosen launches are stopped at and replayed alone. For calls too long
/// to be repeated: memory is saved and restored around each pass, so that caches are not as in the
/// call (why_not_alone in withheld.hpp).
void look_alone(Profiler& profiler, Session& session, const Visit& visit, Found& found);

/// For calls of few launches: each launch is a range, and the call is repeated pass by pass, in
/// each of them `calls` times, of which the last counts. Throws Error once it is clear that
/// `seconds` are too few.
Values look_at_all(Session& session, std::size_t launches, const std::function<void()>& forward,
                   int calls, double seconds);

}  // namespace rnnbench::cupti
