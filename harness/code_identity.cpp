#include "harness/code_identity.hpp"

#include <fmt/format.h>

#include <fstream>
#include <set>

#include "harness/tune_key.hpp"

namespace rnnbench {
namespace {

namespace fs = std::filesystem;

/// Of every file that is mapped into a process and is a library: "libopenblasp-r0.3.21.so
/// 38273720". Of our own the content counts.
std::set<std::string> mapped_libraries(int pid, CodeHashes& hashes) {
  std::set<std::string> all;
  std::ifstream maps(fmt::format("/proc/{}/maps", pid));
  for (std::string line; std::getline(maps, line);) {
    const auto slash = line.find('/');
    if (slash == std::string::npos) continue;
    const fs::path file = line.substr(slash);
    if (file.filename().string().find(".so") == std::string::npos) continue;
    std::error_code ignored;
    const auto size = fs::file_size(file, ignored);
    if (ignored) continue;
    const auto name = file.filename().string();
    const bool ours = name.starts_with("librnnbench");
    all.insert(
        fmt::format("{} {} {}", name, size, ours ? hashes.of("plugin " + file.string()) : ""));
  }
  return all;
}

}  // namespace

Facts code_facts(const Catalog& catalog) {
  CodeHashes hashes;
  Facts facts{{"code of rnnbench", hashes.of("plugin " + program_file().string())}};
  for (std::size_t k = 0; k < catalog.providers().size(); ++k) {
    const auto& provider = catalog.providers()[k];
    const bool command = provider.origin.starts_with("command ");
    facts.emplace_back("code of " + provider.name,
                       hashes.of(provider.origin) + (command ? unknown_code : ""));
    std::string all;
    for (const auto& library : mapped_libraries(catalog.describer_pid(k), hashes))
      all += library + "\n";
    if (!all.empty())
      facts.emplace_back("libraries of " + provider.name,
                         fmt::format("fnv1a64:{:016x}", fnv1a(all)));
  }
  return facts;
}

bool tells_code(const std::string& label) {
  return label.starts_with("code of ") || label.starts_with("libraries of ") || label == "cuDNN";
}

}  // namespace rnnbench
