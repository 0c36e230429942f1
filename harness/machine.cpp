#include "harness/machine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "harness/calibration.hpp"

namespace rnnbench {
namespace {

constexpr std::size_t most_differences = 3;  // another GPU differs in all: a line is to stay one
constexpr std::string_view uuid = "UUID";

const std::string* find(const Facts& facts, std::string_view label) {
  const auto found = std::find_if(facts.begin(), facts.end(),
                                  [&](const auto& fact) { return fact.first == label; });
  return found == facts.end() ? nullptr : &found->second;
}

void add_device(const DeviceInfo& device, Machine& machine) {
  if (device.kind == Device::cpu) {  // its card has the clock of the moment
    machine.kind.emplace_back("cores to use", std::to_string(device.units));
    return;
  }
  for (const auto& [label, value] : device.card)
    if (label == uuid)
      machine.name += " " + value;
    else
      machine.kind.emplace_back(fmt::format("{} {}", device_key(device), label), value);
}

}  // namespace

Machine machine_of(const Facts& facts, const Facts& libraries,
                   const std::vector<DeviceInfo>& devices) {
  Machine machine;
  if (const auto* host = find(facts, "host")) machine.name = *host;
  for (const char* label : {"cpu", "os"})  // with the system come OpenBLAS and oneDNN
    if (const auto* value = find(facts, label)) machine.kind.emplace_back(label, *value);
  std::set<std::string> known;
  for (const auto& device : devices)
    if (known.insert(device_key(device)).second) add_device(device, machine);
  machine.kind.insert(machine.kind.end(), libraries.begin(), libraries.end());
  return machine;
}

std::string difference(const Facts& there, const Facts& here, std::string_view in_first,
                       std::string_view in_second) {
  std::vector<std::string> all;
  const auto compare = [&](const std::string& label, const std::string* a, const std::string* b) {
    if (!a || !b || *a != *b)
      all.push_back(fmt::format("{}: {} {}, {} {}", label, a ? *a : "none", in_first,
                                b ? *b : "none", in_second));
  };
  for (const auto& [label, value] : there) compare(label, &value, find(here, label));
  for (const auto& [label, value] : here)
    if (!find(there, label)) compare(label, nullptr, &value);
  std::string text;
  for (std::size_t k = 0; k < std::min(all.size(), most_differences); ++k)
    text += (k ? "; " : "") + all[k];
  if (all.size() > most_differences)
    text += fmt::format("; and {} more", all.size() - most_differences);
  return text;
}

std::string machines_note(const std::vector<CaseResult>& cases) {
  std::set<std::string> machines;
  for (const auto& result : cases) machines.insert(result.machine);
  if (machines.size() < 2) return {};
  return fmt::format(
      "the cases come from {} machines of one kind, those of each problem from one: compare within "
      "a problem",
      machines.size());
}

}  // namespace rnnbench
