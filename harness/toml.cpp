#include "harness/toml.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "harness/error.hpp"

// toml++ asserts (in a release build: assumes) that a table's name begins as a name may; a file
// with a stray character there must be a syntax error instead, and is one where nothing is
// asserted.
#undef NDEBUG
#define TOML_ASSERT(expression) static_assert(true)
#include <toml++/toml.h>

namespace rnnbench {
namespace {

constexpr std::streamsize max_bytes = 4 << 20;

std::string slurp(const std::filesystem::path& file) {
  const auto bad = [&](std::string_view why) {
    throw UsageError(fmt::format("{}: expected a readable file, found {}", file.string(), why));
  };
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (!std::filesystem::exists(status)) bad("none");
  if (std::filesystem::is_directory(status)) bad("a folder");
  std::ifstream stream(file, std::ios::binary);
  if (!stream) bad(std::strerror(errno));
  std::string content(static_cast<std::size_t>(max_bytes) + 1, '\0');
  stream.read(content.data(), max_bytes + 1);
  if (stream.bad()) bad("a read error");
  if (stream.gcount() > max_bytes) bad("more than 4 MiB");
  content.resize(static_cast<std::size_t>(stream.gcount()));
  return content;
}

std::string position(const std::string& file, const toml::source_position& at) {
  return fmt::format("{}:{}:{}", file, at.line, at.column);
}

TomlNode convert(const toml::node& node, const std::string& file) {
  using Kind = TomlNode::Kind;
  TomlNode result;
  result.kind = Kind::other;
  result.origin = position(file, node.source().begin);
  if (const auto* text = node.as_string()) {
    result.kind = Kind::string;
    result.text = text->get();
  } else if (const auto* integer = node.as_integer()) {
    result.kind = Kind::integer;
    result.integer = integer->get();
    result.real = static_cast<double>(result.integer);
  } else if (const auto* real = node.as_floating_point()) {
    result.kind = Kind::real;
    result.real = real->get();
  } else if (const auto* flag = node.as_boolean()) {
    result.kind = Kind::flag;
    result.flag = flag->get();
  } else if (const auto* list = node.as_array()) {
    result.kind = Kind::list;
    for (const auto& item : *list) result.children.push_back(convert(item, file));
  } else if (const auto* table = node.as_table()) {
    result.kind = Kind::table;
    // toml++ keeps entries sorted by key; axes need the order of the file.
    std::vector<std::pair<toml::source_position, TomlNode>> entries;
    for (auto&& [key, value] : *table) {
      entries.emplace_back(key.source().begin, convert(value, file));
      entries.back().second.key = key.str();
      entries.back().second.key_origin = position(file, key.source().begin);
    }
    std::sort(entries.begin(), entries.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    for (auto& [where, entry] : entries) result.children.push_back(std::move(entry));
  }
  return result;
}

}  // namespace

const TomlNode* TomlNode::find(std::string_view name) const {
  const auto at = std::find_if(children.begin(), children.end(),
                               [&](const TomlNode& child) { return child.key == name; });
  return kind == Kind::table && at != children.end() ? &*at : nullptr;
}

TomlNode read_toml(const std::filesystem::path& file) {
  const auto content = slurp(file);
  try {
    return convert(toml::parse(content, file.string()), file.string());
  } catch (const toml::parse_error& error) {
    throw UsageError(fmt::format("{}: expected TOML, found a syntax error: {}",
                                 position(file.string(), error.source().begin),
                                 error.description()));
  }
}

std::string describe(const TomlNode& node) {
  switch (node.kind) {
    case TomlNode::Kind::table:
      return "a table";
    case TomlNode::Kind::list:
      return node.children.empty() ? "an empty list" : "a list";
    case TomlNode::Kind::string:
      return fmt::format("the string '{}'", node.text);
    case TomlNode::Kind::integer:
      return fmt::format("the number {}", node.integer);
    case TomlNode::Kind::real:
      return fmt::format("the number {}", node.real);
    case TomlNode::Kind::flag:
      return node.flag ? "true" : "false";
    case TomlNode::Kind::other:
      break;
  }
  return "a date or time";
}

}  // namespace rnnbench
