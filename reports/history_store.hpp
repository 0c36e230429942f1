// Results over commits on disk: JSON lines that are only ever added to.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "harness/history.hpp"

namespace rnnbench {

inline constexpr const char* history_name = "history.jsonl";

struct HistoryRead {
  std::vector<HistoryEntry> entries;
  std::vector<std::size_t> torn_lines;  // left out: cut off while written, or of something else
};

/// Of `<folder>/history.jsonl`; nothing where there is none. Throws UsageError naming the file
/// where it cannot be read, and the line where it was written by another version.
HistoryRead read_history(const std::filesystem::path& folder);

struct HistoryAdded {
  std::size_t added = 0;
  std::size_t there = 0;      // already, of the same commit
  std::size_t unchanged = 0;  // exact numbers that are the same as in the commit before
};

/// Adds what is not there yet, under a lock, so that several may add at once; all or nothing.
/// Throws Error with the file and the mend where it cannot be written.
HistoryAdded add_history(const std::filesystem::path& folder,
                         const std::vector<HistoryEntry>& entries);

/// Registers, spills and shared memory of kernels, as scripts/kernel_resources.py writes them
/// (build/kernel_resources.json). Throws UsageError where the file is none.
std::vector<HistoryEntry> read_resources(const std::filesystem::path& file,
                                         const std::string& commit, const std::string& time);

}  // namespace rnnbench
