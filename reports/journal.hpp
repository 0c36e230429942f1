// Finished cases, written down as they come, so that an interrupted run can go on.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "harness/result.hpp"

namespace rnnbench {

inline constexpr const char* journal_name = "journal.jsonl";

/// What a journal holds. A last line that was cut off is left out.
struct JournalContents {
  std::vector<std::string> arguments;  // of the run, as typed; empty: there was none
  std::string started;
  std::string build;  // what was run; a resumed run must be of the same
  std::vector<std::pair<std::string, std::string>> kind;  // of machine: likewise
  std::string folder;  // that it was started in: paths as typed are relative to it
  std::vector<CaseResult> cases;
};

/// JSON lines in `<folder>/journal.jsonl`: a header, then one finished case a line. Throws Error
/// naming the file when it cannot be written.
class Journal {
 public:
  /// Begins one with what `contents` holds, which for a resumed run is what was read before: so a
  /// torn last line of the old one does not stay in the middle of the new.
  Journal(const std::filesystem::path& folder, const JournalContents& contents);
  void add(const CaseResult& result);

 private:
  void line(const std::string& text);
  std::filesystem::path file_;
  std::ofstream out_;
};

/// Throws UsageError when there is no journal in `folder` or it is not one.
JournalContents read_journal(const std::filesystem::path& folder);

}  // namespace rnnbench
