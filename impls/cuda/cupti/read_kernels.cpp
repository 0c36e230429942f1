#include "impls/cuda/cupti/read_kernels.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "impls/cuda/cupti/attempt.hpp"
#include "impls/cuda/cupti/plan.hpp"
#include "impls/cuda/cupti/reasons.hpp"
#include "impls/cuda/cupti/withheld.hpp"

namespace rnnbench::cupti {
namespace {

const char* text_of(Way way) {
  switch (way) {
    case Way::all:
      return "every launch was looked at in repeated calls";
    case Way::in_place:
      return "chosen launches were looked at in repeated calls";
    case Way::alone:
      break;
  }
  return "chosen launches were replayed alone";
}

class Reader {
 public:
  Reader(const Chip& chip, const KernelsToRead& kernels, double seconds, std::string over_budget)
      : chip_(chip), kernels_(kernels), budget_(seconds), over_budget_(std::move(over_budget)) {}

  KernelsRead read(std::vector<std::string> names) {
    const auto passes = passes_of(chip_, names);
    for (const Way way : ways(passes, kernels_.forward_s, kernels_.launches.size(),
                              kernels_.groups.size(), left())) {
      KernelsRead read;
      const std::string why = attempt([&] { read = by(way, names); });
      if (why.empty()) {
        if (!refused_.empty())
          read.warnings.push_back(fmt::format("{}, since {}", text_of(way), refused_));
        return read;
      }
      refused_ += (refused_.empty() ? "" : "; and ") + why;
    }
    KernelsRead none;
    none.why = refused_;
    none.names = std::move(names);
    return none;
  }

 private:
  /// Seconds as plan.hpp estimates them.
  double left() const { return budget_.left() / kernels_.pace; }

  KernelsRead by(Way way, std::vector<std::string> names) {
    KernelsRead read;
    if (way == Way::alone)
      std::erase_if(names, [&](const auto& name) {
        const std::string why = why_not_alone(name);
        if (!why.empty()) read.left_out[name] = why;
        return !why.empty();
      });
    const auto cost = [&](int passes) { return cost_of_launch(way, passes); };
    const Fit chosen = fit(
        names, left() - session_s, [&](const auto& some) { return passes_of(chip_, some); }, cost);
    for (const auto& name : chosen.left_out) read.left_out[name] = over_budget_;
    read.names = chosen.names;
    read.why = over_budget_;
    if (chosen.names.empty()) return read;
    Config config(chip_, chosen.names);
    if (way == Way::all) {
      read.values = look_at_all(chip_, config, kernels_.launches.size(), kernels_.forward,
                                warmed_up(kernels_.forward_s) ? 2 : 1, budget_.left());
    } else if (way == Way::in_place) {
      InPlace in_place(chip_, config);
      look(in_place, way, chosen.passes, read);
    } else {
      Alone alone(chip_, config);
      look(alone, way, chosen.passes, read);
    }
    return read;
  }

  double cost_of_launch(Way way, int passes) const {
    if (way == Way::all)
      return ranges_cost(passes, kernels_.forward_s, kernels_.launches.size()) - session_s;
    if (way == Way::in_place)
      return in_place_cost(passes, kernels_.forward_s,
                           places_in(kernels_.launches.size(), kernels_.groups.size()));
    const auto longest =
        std::max_element(kernels_.launches.begin(), kernels_.launches.end(),
                         [](const Launch& a, const Launch& b) { return a.ns() < b.ns(); });
    return kernels_.forward_s + replay_cost(passes, 1e-9 * longest->ns());
  }

  Sample sample(Way way, int passes, std::size_t ordinal) const {
    if (way == Way::alone) {
      const Launch& launch = kernels_.launches[ordinal];
      return {ordinal, {ordinal}, replay_cost(passes, 1e-9 * launch.ns())};
    }
    const auto has = [&](const Group& group) {
      return std::binary_search(group.ordinals.begin(), group.ordinals.end(), ordinal);
    };
    const auto group = std::find_if(kernels_.groups.begin(), kernels_.groups.end(), has);
    auto places = places_of(*group, ordinal, static_cast<std::size_t>(passes), lead + 1);
    const double cost = in_place_cost(passes, kernels_.forward_s, places.size());
    return {ordinal, std::move(places), cost};
  }

  /// Rounds of samples, until the time is over. Throws where that gave nothing for another reason.
  template <class Looker>
  void look(Looker& looker, Way way, int passes, KernelsRead& read) {
    const double usual = cost_of_launch(way, passes);
    const auto affordable = static_cast<std::size_t>(std::max(1.0, left() / usual));
    Found found;
    found.pace = kernels_.pace;
    bool late = false;
    for (const auto& round : rounds_of_samples(kernels_.groups, affordable)) {
      late = late || found.out_of_time > 0;
      if (late) break;
      std::vector<Sample> samples;
      for (const std::size_t ordinal : round) samples.push_back(sample(way, passes, ordinal));
      try {
        looker.look({kernels_.launches, samples, kernels_.forward, budget_.left()}, found);
      } catch (const std::exception& failure) {
        if (found.values.empty()) throw;
        read.warnings.emplace_back(failure.what());
        break;
      }
    }
    if (found.out_of_order > 0)
      read.warnings.push_back(fmt::format(
          "{} launches came in another order than they were recorded in", found.out_of_order));
    if (found.values.empty() && found.out_of_time == 0)
      throw Error("no launch could be stopped at");
    read.values = std::move(found.values);
  }

  const Chip& chip_;
  const KernelsToRead& kernels_;
  const Budget budget_;
  const std::string over_budget_;
  std::string refused_;
};

}  // namespace

KernelsRead read_kernels(const Chip& chip, const std::vector<std::string>& names,
                         const KernelsToRead& kernels, double seconds,
                         const std::string& over_budget) {
  return Reader(chip, kernels, seconds, over_budget).read(names);
}

}  // namespace rnnbench::cupti
