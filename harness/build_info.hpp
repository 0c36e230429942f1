// How this binary was built; part of every result, so that numbers can be traced to their source.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace rnnbench {

/// All as text, "unknown" where the build could not tell (no git, say).
struct BuildInfo {
  std::string version;        // "0.1.0"
  std::string git_revision;   // 40 hex digits
  std::string git_state;      // "clean", "dirty" (sources differ or are new) or "unknown"
  std::string compiler;       // "GNU 12.2.0"
  std::string flags;          // "-O3 -DNDEBUG"
  std::string build_type;     // "Release"
  std::string cuda_compiler;  // "NVIDIA 13.0.88, architectures 90"; empty without the CUDA side
};
const BuildInfo& build_info();

/// Whether the revision says what was built: it is known, and nothing was changed.
bool is_stated(const BuildInfo& info);

/// Revision, compilers and settings: alike in two builds of the same, on whatever machine.
std::string build_text(const BuildInfo& info);

/// The same as label and value, in printing order, for results and for `--version`.
std::vector<std::pair<std::string, std::string>> build_facts();

}  // namespace rnnbench
