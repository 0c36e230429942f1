#include "impls/cuda/cupti/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "harness/error.hpp"

namespace rnnbench::cupti {

double region_cost(int passes, double forward_s, int calls) {
  return session_s + passes * (calls * forward_s + 0.015);
}
double replay_cost(int passes, double kernel_s) { return 0.006 + passes * (kernel_s + 0.0095); }
double in_place_cost(int passes, double forward_s, std::size_t places) {
  return 0.02 + passes * 0.02 + std::ceil(passes / static_cast<double>(places)) * forward_s;
}
double ranges_cost(int passes, double forward_s, std::size_t launches) {
  return session_s + passes * 2 * (forward_s + 1e-3 * static_cast<double>(launches));
}
double sass_cost(int passes, double forward_s, double launch_s) {
  constexpr double slowest = 480;  // 410 was the most seen
  return 0.02 + passes * (0.02 + forward_s + slowest * launch_s);
}

void PassTimes::add(double seconds) {
  seconds_.push_back(seconds);
  if (static_cast<int>(seconds_.size()) > passes_ + 4)
    throw Error(fmt::format("not all of {} passes were collected", passes_));
}

std::string PassTimes::why_too_long(double left) const {
  const auto done = static_cast<int>(seconds_.size());
  if (done < 3) return {};
  const double quickest = *std::min_element(seconds_.begin() + 1, seconds_.end());
  if (quickest * (passes_ - done) <= left) return {};
  return fmt::format("{} passes of {:.2g} s do not fit", passes_, quickest);
}

std::optional<double> PassTimes::usual() const {
  if (seconds_.size() < 2) return std::nullopt;
  std::vector<double> sorted(seconds_.begin() + 1, seconds_.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted[(sorted.size() - 1) / 2];  // of two the quicker: the other may have set-up in it
}

std::size_t places_in(std::size_t launches, std::size_t groups) {
  return std::max<std::size_t>(1, launches / std::max<std::size_t>(1, groups) / (lead + 1));
}

std::vector<Way> ways(int passes, double forward_s, std::size_t launches, std::size_t groups,
                      double seconds) {
  std::vector<Way> found;
  const double samples = static_cast<double>(std::min(launches, 3 * groups));
  const double all = ranges_cost(passes, forward_s, launches);
  const double one = in_place_cost(passes, forward_s, places_in(launches, groups));
  if (launches <= most_ranges && all <= std::min(seconds, session_s + samples * one))
    found.push_back(Way::all);
  if (session_s + one <= seconds) found.push_back(Way::in_place);
  found.push_back(Way::alone);
  return found;
}

Fit fit(const std::vector<std::string>& names, double seconds, const PassesOf& passes_of,
        const std::function<double(int)>& cost) {
  Fit found;
  if (names.empty()) return found;
  if (const int all = passes_of(names); all > 0 && cost(all) <= seconds) return {names, {}, all};
  std::vector<std::pair<int, std::size_t>> order;  // passes alone, place
  for (std::size_t k = 0; k < names.size(); ++k) order.emplace_back(passes_of({names[k]}), k);
  std::stable_sort(order.begin(), order.end());
  std::vector<bool> taken(names.size(), false);
  std::vector<std::string> together;
  for (const auto& [alone, place] : order) {
    if (alone == 0 || cost(alone) > seconds) continue;
    together.push_back(names[place]);
    const int passes = passes_of(together);
    if (passes > 0 && cost(passes) <= seconds) {
      taken[place] = true;
      found.passes = passes;
    } else {
      together.pop_back();
    }
  }
  for (std::size_t k = 0; k < names.size(); ++k)
    (taken[k] ? found.names : found.left_out).push_back(names[k]);
  return found;
}

}  // namespace rnnbench::cupti
