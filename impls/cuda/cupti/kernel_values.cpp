#include "impls/cuda/cupti/kernel_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "impls/cuda/cupti/results.hpp"

namespace rnnbench::cupti {
namespace {

std::vector<std::size_t> sampled_of(const Group& group, const Values& values) {
  std::vector<std::size_t> sampled;
  std::copy_if(group.ordinals.begin(), group.ordinals.end(), std::back_inserter(sampled),
               [&](std::size_t ordinal) { return values.contains(ordinal); });
  return sampled;
}

/// The counters of the sampled launches, which launches gave them, and the time those take, which
/// rates are to be made with.
void take(const std::vector<std::size_t>& sampled, const std::vector<double>& weights,
          const KernelsRead& read, const std::vector<Launch>& launches, KernelMetrics& kernel) {
  std::vector<Counted> samples;
  std::set<std::size_t> gave;
  double ns = 0, count = 0;
  for (std::size_t k = 0; k < sampled.size(); ++k) {
    samples.push_back({&read.values.at(sampled[k]), weights[k]});
    const auto& places = read.places.at(sampled[k]);
    gave.insert(places.begin(), places.end());
    ns += weights[k] * launches[sampled[k]].ns();
    count += weights[k];
  }
  kernel.metrics.merge(mean_metrics(read.names, samples));
  kernel.metrics[sampled_time] = read_as(ns / count);
  kernel.sampled = static_cast<int>(gave.size());
}

}  // namespace

void set_missing(const std::vector<std::string>& names, const std::string& why,
                 KernelMetrics& kernel) {
  for (const auto& name : names) kernel.metrics.try_emplace(name, not_read(why));
}

std::vector<std::string> give_counters(const KernelsRead& read, const std::vector<Launch>& launches,
                                       const std::vector<Group>& groups,
                                       std::vector<KernelMetrics>& kernels) {
  std::vector<std::string> warnings;
  for (const auto& warning : read.warnings) warnings.push_back("kernels: " + warning);
  std::size_t missed = 0;
  for (std::size_t k = 0; k < groups.size(); ++k) {
    KernelMetrics& kernel = kernels[k];
    for (const auto& [name, why] : read.left_out) set_missing({name}, why, kernel);
    const auto sampled = sampled_of(groups[k], read.values);
    if (sampled.empty()) {
      set_missing(read.names, read.why, kernel), ++missed;
      continue;
    }
    take(sampled, stands_for(groups[k], sampled), read, launches, kernel);
    if (kernel.sampled == kernel.launches) continue;
    if (auto words = uneven(launches, groups[k]); !words.empty())
      warnings.push_back(std::move(words));
  }
  if (missed > 0)
    warnings.push_back(
        fmt::format("counters of {} of {} kernels: {}", missed, groups.size(), read.why));
  return warnings;
}

void give_instructions(const KernelsRead& read, const std::vector<std::string>& asked,
                       const std::vector<Group>& groups, std::vector<KernelMetrics>& kernels) {
  for (std::size_t k = 0; k < groups.size(); ++k) {
    KernelMetrics& kernel = kernels[k];
    const auto found = read.values.find(groups[k].usual);
    if (found == read.values.end()) {
      set_missing(asked, read.why, kernel);
      continue;
    }
    kernel.metrics.merge(mean_metrics(read.names, {{&found->second}}));
    kernel.sampled = std::max(kernel.sampled, 1);
  }
}

}  // namespace rnnbench::cupti
