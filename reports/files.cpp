#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <system_error>

#include "harness/error.hpp"
#include "reports/journal.hpp"
#include "reports/text.hpp"
#include "reports/writers.hpp"

namespace rnnbench {
namespace {

namespace fs = std::filesystem;

struct Mends {
  std::string_view begun;  // --resume takes no --out, which would also measure again
  std::string_view fresh;
};

Mends mends_of(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return {"free some space there and --resume its folder, or a copy of it elsewhere",
              "free some space there, or name another folder with --out"};
    case EACCES:
    case EPERM:
    case EROFS:
      return {"make its folder writable and --resume it, or a copy of it elsewhere",
              "make its folder writable, or name another with --out"};
    case EISDIR:
      return {"move it out of the way and --resume its folder", "name another folder with --out"};
    default:
      return {"--resume a copy of its folder elsewhere", "name another folder with --out"};
  }
}

[[noreturn]] void refuse(const fs::path& path, int error) {
  std::error_code ignored;
  const bool begun = fs::exists(path.parent_path() / journal_name, ignored);
  const Mends mends = mends_of(error);
  throw Error(fmt::format("cannot write {}: {}: {}", clean(path.string()), std::strerror(error),
                          begun ? mends.begun : mends.fresh));
}

/// 0, or the error number. The file is opened for this alone.
int write_all(const fs::path& path, int flags, std::string_view text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | flags, 0666);
  if (file < 0) return errno;
  int error = 0;
  while (!text.empty() && error == 0) {
    const auto count = ::write(file, text.data(), text.size());
    if (count >= 0)
      text.remove_prefix(static_cast<std::size_t>(count));
    else if (errno != EINTR)
      error = errno;
  }
  if (::close(file) != 0 && error == 0) error = errno;  // where a full network disk says so
  return error;
}

}  // namespace

fs::path make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) refuse(folder, error.value());
  return folder;
}

void write_file(const fs::path& path, std::string_view text) {
  std::error_code ignored;
  const fs::path target =
      fs::is_symlink(path, ignored) ? fs::weakly_canonical(path, ignored) : path;
  if (fs::is_directory(target, ignored)) refuse(path, EISDIR);
  if (fs::exists(target, ignored) && !fs::is_regular_file(target, ignored)) {
    if (const int error = write_all(target, 0, text)) refuse(path, error);
    return;
  }
  const fs::path beside =
      target.parent_path() / fmt::format(".{}.{}", target.filename().string(), ::getpid());
  int error = write_all(beside, O_CREAT | O_TRUNC, text);
  if (error == 0 && ::rename(beside.c_str(), target.c_str()) != 0) error = errno;
  if (error == 0) return;
  ::unlink(beside.c_str());
  refuse(path, error);
}

std::vector<fs::path> write_reports(const RunResult& run, const fs::path& folder,
                                    const std::vector<std::string>& formats) {
  using Writer = void (*)(std::ostream&, const RunResult&);
  std::vector<std::pair<fs::path, Writer>> work;
  for (const auto& format : formats) {
    if (format == "json") {
      work.emplace_back(folder / "results.json", write_json);
      if (std::any_of(run.cases.begin(), run.cases.end(),
                      [](const CaseResult& c) { return c.profile.has_value(); }))
        work.emplace_back(folder / "metrics.json", write_metrics_json);
    } else if (format == "csv")
      work.emplace_back(folder / "results.csv", write_csv);
    else if (format == "md")
      work.emplace_back(folder / "report.md", write_markdown);
    else if (format == "html")
      work.emplace_back(folder / "report.html", [](std::ostream& out, const RunResult& result) {
        write_html(out, result);
      });
    else
      throw UsageError(fmt::format("format '{}' is no file format: expected json, csv, md or html",
                                   clean(format)));
  }
  make_folder(folder);
  std::vector<fs::path> files;
  for (const auto& [path, writer] : work) {
    std::ostringstream text;
    writer(text, run);
    write_file(path, text.view());
    files.push_back(path);
  }
  return files;
}

}  // namespace rnnbench
