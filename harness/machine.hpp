// Which machine a run is on, and which others are of its kind: a run may go on there.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/result.hpp"

namespace rnnbench {

using Facts = std::vector<std::pair<std::string, std::string>>;  // label, value

/// As far as results depend on it.
struct Machine {
  std::string name;  // its host name, and the UUIDs of the GPUs that the run uses
  Facts kind;        // alike on all machines of one kind
};

/// `facts` are environment_facts(), `libraries` those that are opened late, `devices` the run's.
Machine machine_of(const Facts& facts, const Facts& libraries,
                   const std::vector<DeviceInfo>& devices);

/// In what two kinds differ: "os: Debian 12 there, Debian 13 here; ..."; "" where in nothing.
std::string difference(const Facts& there, const Facts& here, std::string_view in_first = "there",
                       std::string_view in_second = "here");

/// Where cases come from more than one machine, a sentence that says so; "" otherwise.
std::string machines_note(const std::vector<CaseResult>& cases);

}  // namespace rnnbench
