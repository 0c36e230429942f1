// What a profile's parts cost, and what of them fits a budget. No CUDA header here.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace rnnbench::cupti {

/// Seconds that a profile may take, from its making on.
class Budget {
 public:
  explicit Budget(double seconds) : seconds_(seconds) {}
  double seconds() const { return seconds_; }
  double spent() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  double left() const { return seconds_ - spent(); }

 private:
  double seconds_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

/// What parts are chosen for of a budget: how long the last of them takes is not foreseen to the
/// millisecond, and of 102 profiles of 3 s one took 3.004.
constexpr double planned_s(double budget_s) { return 0.97 * budget_s; }

/// Estimates from an H200 with CUDA 13.0, for deciding beforehand; what it took decides after.
inline constexpr double session_s = 0.2;  // enabling, configuring and decoding of ranges
/// Sampling one forward, with its set-up: usually 0.4. Nothing comes after it that could give back
/// what it takes longer, and 0.6 and more was seen beside other work.
inline constexpr double timeline_s = 0.7;
/// `calls` of a forward in each pass, of which the last counts: starting a pass takes 5 to 8 MB of
/// the L2, which a second call has back.
double region_cost(int passes, double forward_s, int calls);
double replay_cost(int passes, double kernel_s);  // one launch, alone
/// One launch, for which `places` launches of a forward stand: that many passes a forward.
double in_place_cost(int passes, double forward_s, std::size_t places);
/// A forward whose every launch is a range, repeated pass by pass, twice in each.
double ranges_cost(int passes, double forward_s, std::size_t launches);
/// Counting the instructions of one launch by opcode: code that is patched takes 15 (a product of
/// cuBLAS) to 450 (an unrolled step) times its own time, and nobody knows which beforehand.
double sass_cost(int passes, double forward_s, double launch_s);

/// How long the passes of a session take. The first ones have its set-up in them (0.18 s and 0.02 s
/// of their start on an H200), and tell nothing of the rest.
class PassTimes {
 public:
  explicit PassTimes(int passes) : passes_(passes) {}
  /// Throws Error where there are more than there should be.
  void add(double seconds);
  /// Why those that are left do not fit into these seconds, by the quickest; empty where they may.
  std::string why_too_long(double left) const;
  /// The median of all but the first; none where there are no others.
  std::optional<double> usual() const;

 private:
  int passes_;
  std::vector<double> seconds_;
};

/// Ways to look at launches (look.hpp), the one to begin with first, then those to try where it
/// is refused: in the state of the call if one launch can be, each launch of short calls and
/// samples of others.
enum class Way { all, in_place, alone };
std::vector<Way> ways(int passes, double forward_s, std::size_t launches, std::size_t groups,
                      double seconds);
/// A launch that is looked at in place has up to this many before it with the profiler on, which
/// bring back to the caches what starting it took.
inline constexpr std::size_t lead = 8;
/// Launches of a kernel that may stand for one of them, by their mean number.
std::size_t places_in(std::size_t launches, std::size_t groups);
inline constexpr std::size_t most_ranges = 512;  // launches of a call that is looked at as a whole

/// Passes that names take together; 0: cannot be collected.
using PassesOf = std::function<int(const std::vector<std::string>&)>;

struct Fit {
  std::vector<std::string> names;  // in the order they were asked for
  std::vector<std::string> left_out;
  int passes = 0;
};
/// As many of `names` as `cost(passes)` lets into `seconds`: all, or those of the fewest passes.
Fit fit(const std::vector<std::string>& names, double seconds, const PassesOf& passes_of,
        const std::function<double(int)>& cost);

}  // namespace rnnbench::cupti
