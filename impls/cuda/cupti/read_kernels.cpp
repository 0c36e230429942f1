#include "impls/cuda/cupti/read_kernels.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "impls/cuda/cupti/attempt.hpp"
#include "impls/cuda/cupti/plan.hpp"
#include "impls/cuda/cupti/reasons.hpp"
#include "impls/cuda/cupti/withheld.hpp"

namespace rnnbench::cupti {
namespace {

class Reader {
 public:
  Reader(const Chip& chip, const KernelsToRead& kernels, double seconds, std::string over_budget)
      : chip_(chip), kernels_(kernels), budget_(seconds), over_budget_(std::move(over_budget)) {}

  KernelsRead read(std::vector<std::string> names) {
    const auto passes = passes_of(chip_, names);
    for (const Way way : ways(passes, kernels_.forward_s, kernels_.launches.size(),
                              kernels_.groups.size(), budget_.left())) {
      KernelsRead read;
      const std::string why = attempt([&] { read = by(way, names); });
      if (why.empty()) {
        if (!refused_.empty())
          read.warnings.push_back("kernels were looked at in another way than chosen: " + refused_);
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
        names, budget_.left() - session_s, [&](const auto& some) { return passes_of(chip_, some); },
        cost);
    for (const auto& name : chosen.left_out) read.left_out[name] = over_budget_;
    read.names = chosen.names;
    read.why = over_budget_;
    if (chosen.names.empty()) return read;
    Config config(chip_, chosen.names);
    if (way == Way::all) {
      read.values = look_at_all(chip_, config, kernels_.launches.size(), kernels_.forward);
    } else if (way == Way::in_place) {
      InPlace in_place(chip_, config);
      look(in_place, cost(chosen.passes), read);
    } else {
      Alone alone(chip_, config);
      look(alone, cost(chosen.passes), read);
    }
    return read;
  }

  double cost_of_launch(Way way, int passes) const {
    if (way == Way::all)
      return ranges_cost(passes, kernels_.forward_s, kernels_.launches.size()) - session_s;
    if (way == Way::in_place) return in_place_cost(passes, kernels_.forward_s);
    const auto longest =
        std::max_element(kernels_.launches.begin(), kernels_.launches.end(),
                         [](const Launch& a, const Launch& b) { return a.ns() < b.ns(); });
    return replay_cost(passes, 1e-9 * longest->ns());
  }

  /// Rounds of samples, until the time is over. Throws where that gave nothing for another reason.
  template <class Looker>
  void look(Looker& looker, double cost, KernelsRead& read) {
    const auto affordable = static_cast<std::size_t>(std::max(1.0, budget_.left() / cost));
    std::size_t late = 0, elsewhere = 0;
    for (const auto& round : rounds_of_samples(kernels_.groups, affordable)) {
      if (late > 0 || budget_.left() < cost) break;
      Found found;
      try {
        found = looker.look({kernels_.launches, round, kernels_.forward, budget_.left()});
      } catch (const Failure& failure) {
        if (read.values.empty()) throw;
        read.warnings.push_back(fmt::format("kernels: {}", failure.what()));
        break;
      }
      read.values.merge(found.values);
      late += found.out_of_time;
      elsewhere += found.out_of_order;
    }
    if (elsewhere > 0)
      read.warnings.push_back(
          fmt::format("{} launches came in another order than they were recorded in", elsewhere));
    if (read.values.empty() && late == 0) throw Error("no launch could be stopped at");
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
