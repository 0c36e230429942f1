#include "harness/check.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstring>

namespace rnnbench {
namespace {

const ReferenceOutput& find(const Reference& reference, const std::string& name) {
  for (const auto& output : reference)
    if (output.spec.name == name) return output;
  throw Error("the reference has no output " + name);
}

}  // namespace

std::vector<TensorPlace> poisoned_places(const Subject& subject) {
  const auto places = subject.data.output_places(subject.problem);
  for (const auto& place : places)
    std::memset(const_cast<float*>(subject.data.fetched(place)), 0xFF, place.bytes);
  return places;
}

void check_fetched(const Subject& subject, const Reference& want, const Protocol& protocol,
                   const std::string& label, Verification& record) {
  const Tolerance tolerance = tolerance_for(subject.problem, protocol);
  std::string names, why;
  for (const auto& place : subject.data.output_places(subject.problem)) {
    const auto& expected = find(want, place.name);
    const double error = compare(expected.spec, subject.data.fetched(place), expected.values.data(),
                                 tolerance.value, protocol.atol.value_or(0), why);
    // The record keeps the check that came closest to its limit.
    if (error * record.tolerance >= record.max_error * tolerance.value) {
      record.max_error = error;
      record.tolerance = tolerance.value;
      record.rounding = tolerance.rounding;
      record.tolerance_rule = tolerance.rule;
    }
    names += " " + place.name;
  }
  record.checked.push_back(label + ":" + names);
  if (why.empty()) return;
  record.why = fmt::format("{}: {} (tolerance {:.2g})", label, why, tolerance.value);
  throw Incorrect(record.why);
}

double check_call(const Subject& subject, int set, bool reset, const Reference& want,
                  const Protocol& protocol, const std::string& label, Verification& record) {
  const auto places = poisoned_places(subject);
  const Ran ran = subject.worker.run(subject.key, set, reset, places);
  if (!ran.violation.empty()) {
    record.why = label + ": " + ran.violation;
    throw Incorrect(record.why);
  }
  check_fetched(subject, want, protocol, label, record);
  return ran.wall_s;
}

void check_bitwise(const Subject& subject, int times) {
  std::vector<std::vector<float>> first;
  for (int repeat = 0; repeat < times; ++repeat) {
    const auto places = poisoned_places(subject);
    const Ran ran = subject.worker.run(subject.key, 0, true, places);
    if (!ran.violation.empty())
      throw Incorrect(fmt::format("repeat {}: {}", repeat + 1, ran.violation));
    for (std::size_t k = 0; k < places.size(); ++k) {
      const float* now = subject.data.fetched(places[k]);
      const TensorSpec spec{places[k].name, Role::output, Fill::unit, places[k].shape};
      std::string why;
      if (repeat == 0)
        first.emplace_back(now, now + spec.elements());
      else if (!same_bits(spec, first[k].data(), now, why))
        throw Incorrect(fmt::format("repeat {} of {}: {}", repeat + 1, times, why));
    }
  }
}

std::string reason_for_mistrust(const Problem& p, const Reference& reference) {
  const double allowed = p.cell == Cell::rnn_relu ? 0.95 : 0.30;
  for (const auto& output : reference) {
    const double share = zero_share(output.values);
    if (share > allowed)
      return fmt::format("{:.0f} % of the expected {} is zero: too much would match it",
                         100 * share, output.spec.name);
  }
  return {};
}

bool distinguishable(const Reference& a, const Reference& b, double tolerance) {
  for (const auto& output : a) {
    const auto& other = find(b, output.spec.name);
    for (std::size_t k = 0; k < output.values.size(); ++k)
      if (std::abs(output.values[k] - other.values[k]) >
          tolerance * std::max(1.0, std::abs(output.values[k])))
        return true;
  }
  return false;
}

}  // namespace rnnbench
