// One field of a problem and the values it can take, written as text: in a file or on a command
// line.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/problem.hpp"

namespace rnnbench {

enum class FieldKind { size, word, flag, outputs };

struct Field {
  std::string_view name;  // as in a file; the flag is the same with dashes
  FieldKind kind;
  std::span<const std::string_view>
      words;  // of a word field, or besides numbers (input = "hidden")
};

/// Every field a scenario can set, in the order of the documentation.
std::span<const Field> fields();
const Field* find_field(std::string_view name);

/// One value and where it was written: "FILE:LINE:COLUMN" or "--batch". Texts are canonical: "16",
/// "gru", "true", "output+h_n" ("none" for no output besides the head's y).
struct Setting {
  std::string text;
  std::string origin;
};

/// Throws UsageError "<origin>: expected <expected>, found <found>".
[[noreturn]] void fail(const std::string& origin, std::string_view expected,
                       std::string_view found);

/// Throws UsageError at the setting's origin if no problem could have this value.
void check_value(const Field& field, const Setting& setting);

/// A comma-separated list as typed, each element "16", "256:1024:256" or "pow2:64:1024" for sizes.
/// Throws UsageError at `origin` when empty, malformed or naming a value twice.
std::vector<Setting> parse_values(const Field& field, const std::string& text,
                                  const std::string& origin);

/// A problem from one setting per field (index as in `fields()`, null for the default: batch, seq
/// and layers 1, input = hidden, no head, torch.nn's outputs). Throws UsageError at the origin of
/// the setting to blame, at `origin` for one that is missing.
Problem make_problem(std::span<const Setting* const> settings, const std::string& origin);

}  // namespace rnnbench
