#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "harness/error.hpp"
#include "harness/scenario.hpp"
#include "harness/words.hpp"

namespace rnnbench {
namespace {

namespace fs = std::filesystem;

/// Scenario files of one folder, sorted by name; none where it cannot be read.
std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error))
    if (entry.path().extension() == ".toml" && entry.is_regular_file(error))
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

[[noreturn]] void not_found(const std::string& name) {
  std::vector<std::string> names;
  std::string looked_in;
  for (const auto& folder : scenario_folders()) {
    looked_in += (looked_in.empty() ? "" : ", ") + folder.string();
    for (const auto& file : files_in(folder)) names.push_back(file.stem().string());
  }
  const std::vector<std::string_view> views(names.begin(), names.end());
  auto hint = did_you_mean(name, views);
  if (hint.empty()) {
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());  // one may be in two folders
    // A part of a name is a likely question too: "bidir" for gru_bidir.
    std::erase_if(names,
                  [&](const std::string& known) { return known.find(name) == std::string::npos; });
    if (!names.empty()) hint = fmt::format(" (did you mean '{}'?)", fmt::join(names, "' or '"));
  }
  throw UsageError(fmt::format(
      "--scenario: expected the name of a scenario or a path, found '{}'{}; looked in {}", name,
      hint, looked_in));
}

}  // namespace

std::vector<fs::path> scenario_folders() {
  std::vector<fs::path> folders;
  const auto add = [&](const fs::path& folder) {
    const auto plain = folder.lexically_normal();
    if (!plain.empty() && std::find(folders.begin(), folders.end(), plain) == folders.end())
      folders.push_back(plain);
  };
  if (const char* listed = std::getenv("RNNBENCH_SCENARIOS")) {
    std::istringstream parts(listed);
    for (std::string part; std::getline(parts, part, ':');) add(part);
  }
  add("scenarios");
  std::error_code error;
  const auto binary = fs::read_symlink("/proc/self/exe", error);
  if (error) return folders;
  const auto beside = binary.parent_path();
  add(beside / "scenarios");
  add(beside / ".." / "scenarios");
  add(beside / ".." / "share" / "rnnbench" / "scenarios");
  return folders;
}

fs::path find_scenario(const std::string& name_or_path) {
  const fs::path given(name_or_path);
  if (name_or_path.find('/') != std::string::npos || given.extension() == ".toml") {
    std::error_code error;
    if (fs::exists(given, error)) return given;
    throw UsageError(
        fmt::format("--scenario: expected a file, found nothing at '{}'", name_or_path));
  }
  std::error_code error;
  for (const auto& folder : scenario_folders())
    if (const auto file = folder / (name_or_path + ".toml"); fs::is_regular_file(file, error))
      return file;
  not_found(name_or_path);
}

std::vector<fs::path> list_scenarios() {
  for (const auto& folder : scenario_folders())
    if (auto files = files_in(folder); !files.empty()) return files;
  return {};
}

}  // namespace rnnbench
