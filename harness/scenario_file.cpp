#include "harness/scenario_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "harness/error.hpp"
#include "harness/metrics.hpp"
#include "harness/toml.hpp"
#include "harness/words.hpp"

namespace rnnbench {
namespace {

using std::string_view;
using Kind = TomlNode::Kind;
using Words = std::vector<string_view>;
using Places = std::map<std::string, std::string>;  // field, where it is set

const Words layer_keys{"problem", "sweep", "zip", "protocol"};

void require(bool good, const TomlNode& node, string_view expected) {
  if (!good) fail(node.origin, expected, describe(node));
}

const TomlNode& table(const TomlNode& node, const Words& known) {
  require(node.kind == Kind::table, node, "a table");
  for (const auto& entry : node.children)
    if (std::find(known.begin(), known.end(), entry.key) == known.end())
      fail(entry.key_origin, "one of " + join(known),
           fmt::format("the key '{}'{}", entry.key, did_you_mean(entry.key, known)));
  return node;
}

const std::vector<TomlNode>& list(const TomlNode& node, string_view expected) {
  require(node.kind == Kind::list, node, expected);
  require(!node.children.empty(), node, fmt::format("{}, not empty", expected));
  return node.children;
}

const std::string& text(const TomlNode& node) {
  require(node.kind == Kind::string, node, "a string");
  return node.text;
}

bool flag(const TomlNode& node) {
  require(node.kind == Kind::flag, node, "true or false");
  return node.flag;
}

int count(const TomlNode& node, int least) {
  require(node.kind == Kind::integer && node.integer >= least &&
              node.integer <= std::numeric_limits<int>::max(),
          node, fmt::format("a whole number of at least {}", least));
  return static_cast<int>(node.integer);
}

double seconds(const TomlNode& node, bool zero_too) {
  const bool number = node.kind == Kind::integer || node.kind == Kind::real;
  require(number && std::isfinite(node.real) && (node.real > 0 || (zero_too && node.real == 0)),
          node, zero_too ? "seconds, 0 or more" : "seconds, more than 0");
  return node.real;
}

Words field_names() {
  Words names;
  for (const auto& field : fields()) names.push_back(field.name);
  return names;
}

std::string outputs_text(const TomlNode& node) {
  std::string joined;
  for (const auto& item : node.children) joined += (joined.empty() ? "" : "+") + text(item);
  return joined.empty() ? "none" : joined;
}

/// One value of a field, in its canonical text.
Setting setting(const Field& field, const TomlNode& node) {
  Setting result{"", node.origin};
  switch (field.kind) {
    case FieldKind::size: {
      const bool word = node.kind == Kind::string && !field.words.empty();
      require(word || node.kind == Kind::integer, node,
              field.words.empty() ? "a whole number" : "a whole number or 'hidden'");
      result.text = word ? node.text : std::to_string(node.integer);
      break;
    }
    case FieldKind::flag:
      result.text = flag(node) ? "true" : "false";
      break;
    case FieldKind::outputs:
      result.text = node.kind == Kind::list ? outputs_text(node) : text(node);
      break;
    case FieldKind::word:
      result.text = text(node);
      break;
  }
  check_value(field, result);
  return result;
}

void claim(Places& places, const std::string& field, const std::string& origin) {
  const auto [first, fresh] = places.emplace(field, origin);
  if (!fresh)
    fail(origin, fmt::format("'{}' in one place of problem, sweep and zip", field),
         fmt::format("it again (first at {})", first->second));
}

Axis sweep_axis(const TomlNode& node) {
  const Field& field = *find_field(node.key);
  const bool size = field.kind == FieldKind::size;
  if (size && node.kind == Kind::string)
    return {node.key, parse_values(field, node.text, node.origin)};
  Axis axis{node.key, {}};
  std::set<std::string> seen;
  for (const auto& item : list(node, size ? "a list or a range" : "a list")) {
    axis.values.push_back(setting(field, item));
    if (!seen.insert(axis.values.back().text).second)
      fail(item.origin, "every value once", describe(item) + " twice");
  }
  return axis;
}

ZipTable zip_table(const TomlNode& node, Places& places) {
  table(node, {"columns", "rows"});
  for (const auto key : {"columns", "rows"})
    if (!node.find(key)) fail(node.origin, fmt::format("'{}' in zip", key), "none");
  ZipTable result;
  for (const auto& item : list(*node.find("columns"), "a list of fields")) {
    const auto names = field_names();
    if (!find_field(text(item)))
      fail(item.origin, "one of " + join(names),
           fmt::format("'{}'{}", item.text, did_you_mean(item.text, names)));
    claim(places, item.text, item.origin);
    result.columns.push_back(item.text);
  }
  for (const auto& item : list(*node.find("rows"), "a list of rows")) {
    const auto& cells = list(item, "a row, which is a list");
    if (cells.size() != result.columns.size())
      fail(item.origin, fmt::format("a row of {} values", result.columns.size()),
           fmt::format("{}", cells.size()));
    ZipTable::Row row{{}, item.origin};
    for (std::size_t k = 0; k < cells.size(); ++k)
      row.cells.push_back(setting(*find_field(result.columns[k]), cells[k]));
    result.rows.push_back(std::move(row));
  }
  return result;
}

ProtocolOverrides protocol(const TomlNode& node) {
  ProtocolOverrides result;
  table(node, {"repetitions", "warmup", "min_time", "budget", "timeout", "cache", "graph",
               "fresh_workers", "metrics", "metrics_budget"});
  for (const auto& entry : node.children) {
    if (entry.key == "repetitions") result.rounds = count(entry, 1);
    if (entry.key == "warmup") result.warmup = count(entry, 0);
    if (entry.key == "min_time") result.min_time_s = seconds(entry, true);
    if (entry.key == "budget") result.budget_s = seconds(entry, false);
    if (entry.key == "timeout") result.timeout_s = seconds(entry, false);
    if (entry.key == "graph") result.graph = flag(entry);
    if (entry.key == "fresh_workers") result.fresh_workers = flag(entry);
    if (entry.key == "metrics_budget") result.metrics_budget_s = seconds(entry, false);
    if (entry.key == "metrics") {
      result.metrics = text(entry);
      try {
        parse_metrics_choice(entry.text);
      } catch (const UsageError&) {
        require(false, entry, "none, default, full or names of metrics, comma-separated");
      }
    }
    if (entry.key == "cache") {
      result.cache = text(entry);
      require(entry.text == "hot" || entry.text == "cold" || entry.text == "rotate", entry,
              "one of hot, cold, rotate");
    }
  }
  return result;
}

/// problem, sweep, zip and protocol of a table; other keys are the caller's to check.
ScenarioLayer layer(const TomlNode& node) {
  ScenarioLayer result;
  Places places;
  result.plan.origin = node.origin;
  for (const string_view key : {"problem", "sweep"}) {
    const auto* inner = node.find(key);
    if (!inner) continue;
    for (const auto& entry : table(*inner, field_names()).children) {
      claim(places, entry.key, entry.key_origin);
      result.plan.axes.push_back(key == "sweep"
                                     ? sweep_axis(entry)
                                     : Axis{entry.key, {setting(*find_field(entry.key), entry)}});
    }
    if (key == "problem") result.plan.origin = inner->origin;
  }
  if (const auto* zip = node.find("zip"); zip && zip->kind == Kind::list) {
    for (const auto& item : list(*zip, "tables [[zip]]")) {
      Places here = places;  // two tables may share columns
      result.plan.zips.push_back(zip_table(item, here));
    }
  } else if (zip) {
    result.plan.zips.push_back(zip_table(*zip, places));
  }
  if (const auto* inner = node.find("protocol")) result.protocol = protocol(*inner);
  return result;
}

ScenarioVariant variant(const TomlNode& node) {
  ScenarioVariant result{layer(node), {}};
  if (const auto* quick = node.find("quick")) result.quick = layer(table(*quick, layer_keys));
  return result;
}

}  // namespace

ScenarioFile read_scenario_file(const std::filesystem::path& file) {
  const auto root = read_toml(file);
  table(root, {"name", "title", "shows", "references", "include", "problem", "sweep", "zip",
               "protocol", "quick", "device"});
  ScenarioFile result;
  result.name = file.stem().string();
  if (const auto* node = root.find("name")) {
    result.name = text(*node);  // also that of a folder of results
    if (result.name.empty() || result.name.front() == '.' ||
        result.name.find_first_not_of(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
            "_.-") != std::string::npos)
      fail(node->origin, "a name of letters, digits, '_', '-' and '.'",
           fmt::format("'{}'", result.name));
  }
  if (const auto* node = root.find("title")) result.title = text(*node);
  if (const auto* node = root.find("shows")) result.shows = text(*node);
  if (const auto* node = root.find("references"))
    for (const auto& item : list(*node, "a list of strings"))
      result.references.push_back(text(item));
  if (const auto* node = root.find("include")) {
    for (const auto& item : list(*node, "a list of files"))
      result.includes.push_back({text(item), item.origin});
    for (const auto key : {"problem", "sweep", "zip", "quick", "device"})
      if (const auto* own = root.find(key))
        fail(own->key_origin, "no problems beside 'include'", fmt::format("'{}'", key));
  }
  result.base = variant(root);
  if (const auto* devices = root.find("device"))
    for (const auto& device : table(*devices, {"cpu", "cuda"}).children) {
      auto keys = layer_keys;
      keys.push_back("quick");
      (device.key == "cpu" ? result.cpu : result.cuda) = variant(table(device, keys));
    }
  return result;
}

}  // namespace rnnbench
