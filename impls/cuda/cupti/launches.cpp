#include "impls/cuda/cupti/launches.hpp"

#include <cxxabi.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <string_view>
#include <utility>

namespace rnnbench::cupti {
namespace {

std::string text_of(const Launch::Extent& extent) {
  return fmt::format("{}x{}x{}", extent[0], extent[1], extent[2]);
}

/// Where the parameters of a readable signature begin, or its length where it has none.
std::size_t parameters_of(std::string_view signature) {
  if (!signature.ends_with(')')) return signature.size();
  int open = 0;
  for (std::size_t k = signature.size(); k-- > 0;) {
    if (signature[k] == ')') ++open;
    if (signature[k] == '(' && --open == 0) return k;
  }
  return signature.size();
}

/// Where the name begins: after a return type, which only templates have.
std::size_t name_of(std::string_view signature) {
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t k = 0; k < signature.size(); ++k) {
    if (signature[k] == '<' || signature[k] == '(') ++depth;
    if (signature[k] == '>' || signature[k] == ')') --depth;
    if (signature[k] == ' ' && depth == 0) begin = k + 1;
  }
  return begin;
}

/// Ordinals without the first and the last, which may differ: where there are others.
std::vector<std::size_t> inner(const std::vector<std::size_t>& ordinals) {
  if (ordinals.size() < 3) return ordinals;
  return {ordinals.begin() + 1, ordinals.end() - 1};
}

std::size_t usual_of(const std::vector<Launch>& launches,
                     const std::vector<std::size_t>& ordinals) {
  auto sorted = inner(ordinals);
  const std::size_t middle = sorted[sorted.size() / 2];
  const auto half = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
  std::nth_element(sorted.begin(), half, sorted.end(), [&](std::size_t a, std::size_t b) {
    return launches[a].ns() < launches[b].ns();
  });
  const double median = launches[*half].ns();
  const auto apart = [&](std::size_t k) { return k > middle ? k - middle : middle - k; };
  std::size_t usual = *half;
  for (const std::size_t k : inner(ordinals))
    if (std::abs(launches[k].ns() - median) <= 0.02 * median && apart(k) < apart(usual)) usual = k;
  return usual;
}

}  // namespace

std::string shape_of(const Launch& launch) {
  return fmt::format("{} blocks of {}{}", text_of(launch.grid), text_of(launch.block),
                     launch.clustered() ? " in clusters of " + text_of(launch.cluster) : "");
}

std::string readable_name(const char* symbol) {
  if (!symbol) return "unnamed kernel";
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(symbol, nullptr, nullptr, &status), &std::free);
  if (status != 0 || !text) return symbol;
  const std::string_view whole(text.get());
  const auto signature = whole.substr(0, parameters_of(whole));
  return std::string(signature.substr(name_of(signature)));
}

std::vector<Group> group(const std::vector<Launch>& launches) {
  std::map<std::pair<std::string, std::string>, std::size_t> place;
  std::vector<Group> groups;
  for (std::size_t k = 0; k < launches.size(); ++k) {
    const auto [found, added] =
        place.try_emplace({launches[k].name, shape_of(launches[k])}, groups.size());
    if (added) groups.push_back({found->first.first, found->first.second, {}, 0, 0});
    groups[found->second].ordinals.push_back(k);
    groups[found->second].total_ns += launches[k].ns();
  }
  for (Group& one : groups) one.usual = usual_of(launches, one.ordinals);
  std::stable_sort(groups.begin(), groups.end(),
                   [](const Group& a, const Group& b) { return a.total_ns > b.total_ns; });
  return groups;
}

Spans spans(const std::vector<Launch>& launches) {
  if (launches.empty()) return {};
  std::vector<std::pair<std::uint64_t, std::uint64_t>> intervals;
  Spans found;
  for (const Launch& launch : launches) {
    intervals.emplace_back(launch.start_ns, launch.end_ns);
    found.sum_ns += launch.ns();
  }
  std::sort(intervals.begin(), intervals.end());
  std::uint64_t busy = 0, reached = intervals.front().first;
  for (const auto& [start, end] : intervals) {
    if (end <= reached) continue;
    busy += end - std::max(start, reached);
    reached = end;
  }
  found.busy_ns = static_cast<double>(busy);
  found.span_ns = static_cast<double>(reached - intervals.front().first);
  found.gap_ns = found.span_ns - found.busy_ns;
  return found;
}

std::size_t shortest_call(std::vector<Launch>& launches, std::size_t calls) {
  if (calls == 0 || launches.size() % calls != 0) return calls;
  const std::size_t each = launches.size() / calls;
  const auto call = [&](std::size_t k) {
    const auto first = launches.begin() + static_cast<std::ptrdiff_t>(k * each);
    return std::vector<Launch>(first, first + static_cast<std::ptrdiff_t>(each));
  };
  const auto kernels_of = [](const std::vector<Launch>& some) {  // streams may change their order
    std::multiset<std::pair<std::string, std::string>> all;
    for (const Launch& one : some) all.emplace(one.name, shape_of(one));
    return all;
  };
  std::vector<Launch> shortest = call(0);
  const auto kernels = kernels_of(shortest);
  std::size_t kept = 0;
  for (std::size_t k = 1; k < calls; ++k) {
    std::vector<Launch> one = call(k);
    if (kernels_of(one) != kernels) return calls;
    if (kept > 0 && spans(one).span_ns >= spans(shortest).span_ns) continue;
    kept = k;
    shortest = std::move(one);
  }
  launches = std::move(shortest);
  return kept;
}

std::vector<double> stands_for(const Group& group, const std::vector<std::size_t>& sampled) {
  std::vector<double> weights(sampled.size(), 1);
  if (sampled.empty()) return weights;
  const double others =
      static_cast<double>(group.ordinals.size()) - static_cast<double>(sampled.size());
  if (others == 0) return weights;
  const auto usual = std::find(sampled.begin(), sampled.end(), group.usual);
  if (usual != sampled.end())
    weights[static_cast<std::size_t>(usual - sampled.begin())] += others;
  else
    for (double& weight : weights) weight += others / static_cast<double>(sampled.size());
  return weights;
}

std::vector<std::size_t> places_of(const std::vector<Launch>& launches, const Group& group,
                                   std::size_t ordinal, std::size_t most, std::size_t apart) {
  if (ordinal != group.usual || group.ordinals.size() < 3 || ordinal < apart) return {ordinal};
  const double ns = launches[ordinal].ns();
  auto alike = inner(group.ordinals);
  std::erase_if(alike, [&](std::size_t k) {
    return k < apart || std::abs(launches[k].ns() - ns) > 0.1 * ns;
  });
  const auto at = std::find(alike.begin(), alike.end(), ordinal);
  std::vector<std::size_t> before, places;
  std::size_t last = ordinal;
  for (auto k = at; k != alike.begin() && 2 * before.size() + 2 < most;)
    if (last - *--k >= apart) before.push_back(last = *k);
  places.assign(before.rbegin(), before.rend());
  places.push_back(last = ordinal);
  for (auto k = at + 1; k < alike.end() && places.size() < most; ++k)
    if (*k - last >= apart) places.push_back(last = *k);
  return places;
}

std::string uneven(const std::vector<Launch>& launches, const Group& group) {
  std::vector<double> times;
  for (const std::size_t k : inner(group.ordinals)) times.push_back(1e-3 * launches[k].ns());
  std::sort(times.begin(), times.end());
  const double low = times[times.size() / 20], high = times[times.size() - 1 - times.size() / 20];
  if (high <= 1.2 * low) return {};
  return fmt::format(
      "{}: its {} launches take {:.3g} to {:.3g} us, and counters of those of {:.3g} "
      "us stand for all",
      group.name.substr(0, group.name.find('<')), group.ordinals.size(), low, high,
      1e-3 * launches[group.usual].ns());
}

std::vector<std::vector<std::size_t>> rounds_of_samples(const std::vector<Group>& groups) {
  std::vector<std::vector<std::size_t>> rounds;
  std::set<std::size_t> chosen;
  for (int round = 0; round < 3; ++round) {
    std::vector<std::size_t> ordinals;
    for (const Group& one : groups) {
      if (one.ordinals.empty()) continue;
      const std::size_t ordinal = round == 0   ? one.usual
                                  : round == 1 ? one.ordinals.front()
                                               : one.ordinals.back();
      if (chosen.insert(ordinal).second) ordinals.push_back(ordinal);
    }
    if (!ordinals.empty()) rounds.push_back(std::move(ordinals));
  }
  return rounds;
}

}  // namespace rnnbench::cupti
