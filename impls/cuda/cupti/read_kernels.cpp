#include "impls/cuda/cupti/read_kernels.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <limits>
#include <memory>
#include <utility>

#include "harness/error.hpp"
#include "impls/cuda/cupti/plan.hpp"
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
  Reader(Profiler& profiler, const KernelsToRead& kernels, double seconds, std::string over_budget)
      : profiler_(profiler),
        kernels_(kernels),
        budget_(seconds),
        over_budget_(std::move(over_budget)) {}

  KernelsRead read(std::vector<std::string> names) {
    const auto passes = profiler_.passes_of(names);
    for (const Way way : ways(passes, kernels_.forward_s, kernels_.launches.size(),
                              kernels_.groups.size(), left())) {
      KernelsRead read;
      const std::string why = profiler_.attempt([&] { read = by(way, names); });
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
    const Fit chosen = fit(
        names, left() - session_s, [&](const auto& some) { return profiler_.passes_of(some); },
        [&](int passes) { return usual_cost(way, passes); });
    for (const auto& name : chosen.left_out) read.left_out[name] = over_budget_;
    read.names = chosen.names;
    read.why = over_budget_;
    if (chosen.names.empty()) return read;
    const std::size_t launches = kernels_.launches.size();
    const auto session = profiler_.open(chosen.names, way,
                                        way == Way::all        ? 2 * launches
                                        : way == Way::in_place ? lead + 1
                                                               : 1);
    if (way != Way::all) {
      look(*session, way, read);
      return read;
    }
    read.values = look_at_all(*session, launches, kernels_.forward, 2, budget_.left());
    for (std::size_t k = 0; k < launches; ++k) read.places[k] = {k};
    return read;
  }

  /// Of what has to be affordable for a way to be gone: all launches, or one of the longest group.
  double usual_cost(Way way, int passes) const {
    const Group& longest = kernels_.groups.front();
    if (way == Way::all)
      return ranges_cost(passes, kernels_.forward_s, kernels_.launches.size()) - session_s;
    const double forward = way == Way::alone ? kernels_.forward_s : 0;
    return forward + sample(way, passes, longest, longest.usual).cost;
  }

  Sample sample(Way way, int passes, const Group& group, std::size_t ordinal) const {
    if (way == Way::alone)
      return {ordinal, {ordinal}, replay_cost(passes, 1e-9 * kernels_.launches[ordinal].ns())};
    auto places =
        places_of(kernels_.launches, group, ordinal, static_cast<std::size_t>(passes), lead + 1);
    const double call = (places.front() < lead ? 2 : 1) * kernels_.forward_s;
    const double cost = in_place_cost(passes, call, places.size());
    return {ordinal, std::move(places), cost};
  }

  std::vector<Sample> samples(Way way, int passes, const std::vector<std::size_t>& round) const {
    std::vector<Sample> all;
    for (const std::size_t ordinal : round) {
      const auto group =
          std::find_if(kernels_.groups.begin(), kernels_.groups.end(), [&](const Group& one) {
            return std::binary_search(one.ordinals.begin(), one.ordinals.end(), ordinal);
          });
      all.push_back(sample(way, passes, *group, ordinal));
    }
    if (way != Way::alone) return all;
    // Come by in launch order: those that there is no time for are not to stand before others.
    double seconds = left() - kernels_.forward_s;
    std::erase_if(all, [&](const Sample& one) { return (seconds -= one.cost) < 0; });
    return all;
  }

  /// Rounds of samples, until the time is over. Throws where that gave nothing for another reason.
  void look(Session& session, Way way, KernelsRead& read) {
    Found found;
    found.pace = kernels_.pace;
    for (const auto& round : rounds_of_samples(kernels_.groups)) {
      if (found.out_of_time > 0) break;
      const auto chosen = samples(way, session.passes(), round);
      found.out_of_time += round.size() - chosen.size();
      if (chosen.empty()) break;
      for (const Sample& one : chosen) read.places[one.ordinal] = one.places;
      const Visit visit{kernels_.launches, chosen, kernels_.forward, budget_.left(), lead};
      try {
        if (way == Way::in_place)
          look_in_place(profiler_, session, visit, found);
        else
          look_alone(profiler_, session, visit, found);
      } catch (const std::exception& failure) {
        if (found.values.empty()) throw;
        read.warnings.emplace_back(failure.what());
        break;
      }
    }
    if (found.out_of_order > 0)
      read.warnings.push_back(fmt::format(
          "{} launches came in another order than they were recorded in", found.out_of_order));
    if (found.failed > 0) {
      const std::string cause = found.why_failed.empty() ? "" : ": " + found.why_failed;
      read.why = "it was looked at, and gave no counters" + cause;
      if (found.values.empty()) throw Error("the launches looked at gave no counters" + cause);
      read.warnings.push_back(fmt::format("{} launches gave no counters{}", found.failed, cause));
    }
    read.values = std::move(found.values);
  }

  Profiler& profiler_;
  const KernelsToRead& kernels_;
  const Budget budget_;
  const std::string over_budget_;
  std::string refused_;
};

}  // namespace

KernelsRead count_instructions(Profiler& profiler, const std::vector<std::string>& names,
                               const KernelsToRead& kernels, double seconds,
                               const std::string& over_budget) {
  const Budget budget(seconds);
  KernelsRead read;
  read.names = names;
  read.why = over_budget;
  const int passes = profiler.passes_of(names);
  std::vector<Sample> samples;
  for (const Group& group : kernels.groups)
    samples.push_back(
        {group.usual,
         {group.usual},
         sass_cost(passes, kernels.forward_s, 1e-9 * kernels.launches[group.usual].ns())});
  const auto affordable = [&](const Sample& one) {
    return kernels.pace * (session_s + one.cost) <= budget.left();
  };
  if (std::none_of(samples.begin(), samples.end(), affordable)) return read;
  Found found;
  found.pace = kernels.pace;
  const std::string why = profiler.attempt([&] {
    // What runs before a launch does not change its instructions.
    const auto session = profiler.open(names, Way::in_place, 1);
    const Visit visit{kernels.launches, samples, kernels.forward, budget.left(), 0};
    look_in_place(profiler, *session, visit, found);
  });
  if (!why.empty()) {
    read.why = why;
  } else if (found.failed > 0) {
    read.why = "it was looked at, and gave no counters: " + found.why_failed;
    read.warnings.push_back(
        fmt::format("{} launches gave no counters: {}", found.failed, found.why_failed));
  }
  read.values = std::move(found.values);
  for (const auto& [ordinal, values] : read.values) read.places[ordinal] = {ordinal};
  return read;
}

KernelsRead read_kernels(Profiler& profiler, const std::vector<std::string>& names,
                         const KernelsToRead& kernels, double seconds,
                         const std::string& over_budget) {
  return Reader(profiler, kernels, seconds, over_budget).read(names);
}

}  // namespace rnnbench::cupti
