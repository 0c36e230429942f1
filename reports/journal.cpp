#include "reports/journal.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "reports/schema.hpp"
#include "reports/writers.hpp"

namespace rnnbench {
namespace {

using schema::Json;

constexpr int journal_version = 3;  // one more whenever a header or a case is written otherwise

std::string header(const JournalContents& contents) {
  return schema::dump(Json{{"rnnbench_journal", journal_version},
                           {"arguments", contents.arguments},
                           {"started", contents.started},
                           {"build", contents.build},
                           {"kind", contents.kind},
                           {"folder", contents.folder}});
}

std::string case_line(const CaseResult& result) { return schema::dump(schema::encode(result)); }

}  // namespace

Journal::Journal(const std::filesystem::path& folder, const JournalContents& contents)
    : file_(folder / journal_name) {
  std::string text = header(contents) + "\n";
  for (const auto& result : contents.cases) text += case_line(result) + "\n";
  write_file(file_, text);
  out_.open(file_, std::ios::app);
}

void Journal::add(const CaseResult& result) {
  out_ << case_line(result) << '\n' << std::flush;
  if (!out_)
    throw Error(fmt::format("{}: cannot be written ({}); free space, then rnnbench --resume {}",
                            file_.string(), std::strerror(errno), file_.parent_path().string()));
}

JournalContents read_journal(const std::filesystem::path& folder) {
  const auto file = folder / journal_name;
  const auto refuse = [&](const std::string& why) {
    throw UsageError(fmt::format("--resume {}: {}", folder.string(), why));
  };
  std::ifstream in(file);
  if (!in) refuse(fmt::format("there is no {}, so no run to go on with", journal_name));
  JournalContents contents;
  std::string text;
  std::getline(in, text);
  const Json head = Json::parse(text, nullptr, false);
  if (!head.is_object() || !head.contains("rnnbench_journal"))
    refuse(fmt::format("its {} does not begin as a journal does", journal_name));
  if (head.at("rnnbench_journal") != journal_version)
    refuse(fmt::format("its journal was written by another version; run anew with --out"));
  try {
    contents.arguments = head.at("arguments").get<std::vector<std::string>>();
    contents.started = head.at("started").get<std::string>();
    contents.build = head.at("build").get<std::string>();
    schema::decode(head.at("kind"), contents.kind);
    contents.folder = head.at("folder").get<std::string>();
    while (std::getline(in, text)) {
      const Json json = Json::parse(text, nullptr, false);
      if (json.is_discarded()) break;  // cut off while it was written: that case runs again
      schema::decode(json, contents.cases.emplace_back());
    }
  } catch (const std::exception& error) {
    refuse(fmt::format("its journal cannot be read ({})", error.what()));
  }
  return contents;
}

}  // namespace rnnbench
