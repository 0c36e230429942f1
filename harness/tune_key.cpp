#include "harness/tune_key.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

namespace rnnbench {
namespace {

namespace fs = std::filesystem;

std::optional<std::string> content(const fs::path& file) {
  std::error_code ignored;
  if (!fs::is_regular_file(file, ignored)) return std::nullopt;
  std::ifstream in(file, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  if (!in) return std::nullopt;
  return bytes;
}

std::string text_of(std::uint64_t hash) { return fmt::format("fnv1a64:{:016x}", hash); }

/// A program outside is as good as its command and the files named in it: what those read is
/// theirs.
std::string hash_of_command(const std::string& command) {
  std::uint64_t hash = fnv1a(command);
  std::istringstream words(command);
  for (std::string word; words >> word;) {
    std::erase_if(word, [](char c) { return c == '\'' || c == '"'; });
    if (const auto bytes = content(word)) hash = fnv1a(*bytes, hash);
  }
  return text_of(hash);
}

}  // namespace

std::uint64_t fnv1a(std::string_view bytes, std::uint64_t seed) {
  for (const char c : bytes) seed = (seed ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return seed;
}

std::string problem_class(const Problem& problem) {
  if (problem.seq == 1) return id(problem);
  Problem general = problem;
  general.seq = 2;
  set_default_outputs(general);
  general.want_output = problem.want_output;
  std::string text = id(general);
  return text.replace(text.find("_t2_"), 4, "_tn_");
}

TuneKey tune_key(const RunPlan& plan, const PlannedCase& planned, const Catalog& catalog) {
  TuneKey key;
  key.device = plan.device.name;
  key.units = plan.device.units;
  for (const auto& [label, value] : plan.device.card)
    if (label == "driver") key.driver = value;
  key.impl = catalog.offers()[planned.offer].info.name;
  key.mode = planned.graph ? "graph" : "eager";
  key.cache = plan.protocol.cache;
  for (const auto& [name, value] : plan.options)
    if (name != "config")
      key.options += fmt::format("{}{}={}", key.options.empty() ? "" : " ", name, value);
  key.problem_class = problem_class(plan.scenarios[planned.scenario].problems[planned.problem]);
  return key;
}

std::string what_is_tuned(const TuneKey& key) {
  std::string more;
  const auto add = [&](const std::string& text) { more += (more.empty() ? "" : ", ") + text; };
  if (key.mode != "eager") add(key.mode);
  if (key.cache != "hot") add("cache " + key.cache);
  if (!key.options.empty()) add(key.options);
  return key.impl + (more.empty() ? "" : fmt::format(" ({})", more));
}

const std::string& CodeHashes::of(const std::string& origin) {
  const auto [place, is_new] = known_.try_emplace(origin);
  if (!is_new) return place->second;
  const auto space = origin.find(' ');
  const auto kind = origin.substr(0, space);
  const auto rest = space == std::string::npos ? "" : origin.substr(space + 1);
  std::optional<std::string> bytes;
  if (kind == "command")
    place->second = hash_of_command(rest);
  else if (const auto file = kind == "module" ? module_file(rest) : fs::path(rest))
    bytes = content(*file);
  if (bytes) place->second = text_of(fnv1a(*bytes));
  return place->second;
}

}  // namespace rnnbench
