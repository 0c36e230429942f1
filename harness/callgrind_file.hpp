// What callgrind wrote down: the instructions of one file.
#pragma once

#include <iosfwd>
#include <optional>

namespace rnnbench {

/// Instructions (the event Ir) in all parts of a --callgrind-out-file; nothing where it has none.
/// The worker's own call is in FILE.1: FILE itself is what came after.
std::optional<double> callgrind_total(std::istream& file);

}  // namespace rnnbench
