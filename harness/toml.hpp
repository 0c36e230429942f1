// A TOML file as a tree that knows where everything stands.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace rnnbench {

struct TomlNode {
  enum class Kind { table, list, string, integer, real, flag, other };
  Kind kind = Kind::table;
  std::string key, key_origin;  // of an entry of a table
  std::string origin;           // "FILE:LINE:COLUMN" of the value; of the header for a table
  std::string text;
  std::int64_t integer = 0;
  double real = 0;  // also of an integer
  bool flag = false;
  std::vector<TomlNode> children;  // entries of a table in file order, or items of a list

  /// The entry of that name, or null.
  const TomlNode* find(std::string_view name) const;
};

/// Throws UsageError "FILE:LINE:COLUMN: expected TOML, found ..." on a syntax error, "FILE:
/// expected a readable file, found ..." where there is none, or more than 4 MiB.
TomlNode read_toml(const std::filesystem::path& file);

/// What a value is, for an error message: "the number 5", "the string 'x'", "an empty list".
std::string describe(const TomlNode& node);

}  // namespace rnnbench
