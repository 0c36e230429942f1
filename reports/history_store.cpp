#include "reports/history_store.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <set>

#include "reports/schema.hpp"
#include "reports/text.hpp"
#include "reports/writers.hpp"

namespace rnnbench {
namespace {

namespace fs = std::filesystem;
using schema::Json;

constexpr int history_version = 1;

template <class A>
void fields(A& a, schema::Is<HistoryEntry> auto& e) {
  a("commit", e.commit), a("time", e.time), a("machine", e.machine), a("scenario", e.scenario);
  a("problem", e.problem), a("impl", e.impl), a("mode", e.mode), a("measure", e.measure);
  a("unit", e.unit), a("value", e.value), a("low", e.low), a("high", e.high);
  a("processes", e.processes);
}

std::string line_of(const HistoryEntry& entry) {
  schema::Encoder encoder;
  encoder.json["rnnbench_history"] = history_version;
  fields(encoder, entry);
  return schema::dump(encoder.json) + "\n";
}

[[noreturn]] void refuse(const fs::path& file, int error) {
  throw Error(
      fmt::format("cannot write {}: {}: make it writable, free some space there, or name "
                  "another folder with --store",
                  clean(file.string()), std::strerror(error)));
}

/// A file that is open and locked until its owner goes.
class Locked {
 public:
  explicit Locked(const fs::path& file) : file_(file) {
    fd_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd_ < 0) refuse(file, errno);
    while (::flock(fd_, LOCK_EX) != 0)
      if (errno != EINTR) refuse(file, errno);
  }
  ~Locked() { ::close(fd_); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

  off_t size() const {
    struct stat about {};
    if (::fstat(fd_, &about) != 0) refuse(file_, errno);
    return about.st_size;
  }
  bool ends_a_line() const {
    const off_t end = size();
    char last = '\n';
    return end == 0 || (::pread(fd_, &last, 1, end - 1) == 1 && last == '\n');
  }
  /// All of it, or nothing.
  void append(std::string_view text) {
    const off_t before = size();
    while (!text.empty()) {
      const auto count = ::write(fd_, text.data(), text.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) {
        const int error = count < 0 ? errno : ENOSPC;
        [[maybe_unused]] const int ignored = ::ftruncate(fd_, before);
        refuse(file_, error);
      }
      text.remove_prefix(static_cast<std::size_t>(count));
    }
  }

 private:
  fs::path file_;
  int fd_ = -1;
};

}  // namespace

HistoryRead read_history(const fs::path& folder) {
  const auto file = folder / history_name;
  HistoryRead result;
  std::error_code error;
  const auto status = fs::status(file, error);
  if (status.type() == fs::file_type::not_found) return result;
  std::ifstream in(file);
  if (!in || status.type() == fs::file_type::directory)
    throw UsageError(
        fmt::format("{}: cannot be read{}: make it a readable file, or name another "
                    "folder with --store",
                    clean(file.string()), in ? ": it is a folder" : ""));
  std::size_t number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.empty()) continue;
    const Json json = Json::parse(line, nullptr, false);
    if (!json.is_object() || !json.contains("rnnbench_history")) {
      result.torn_lines.push_back(number);
      continue;
    }
    if (json.at("rnnbench_history") != history_version)
      throw UsageError(fmt::format("{}:{}: written by another version of rnnbench: use that one",
                                   clean(file.string()), number));
    try {
      schema::Decoder decoder{json};
      fields(decoder, result.entries.emplace_back());
    } catch (const UsageError& error) {
      throw UsageError(fmt::format("{}:{}: {}", clean(file.string()), number, error.what()));
    }
  }
  return result;
}

HistoryAdded add_history(const fs::path& folder, const std::vector<HistoryEntry>& entries) {
  make_folder(folder);
  Locked file(folder / history_name);
  const auto kept = read_history(folder);
  std::set<std::string> known;
  std::map<std::string, std::vector<HistoryEntry>> counted;  // exact numbers, by series
  for (const auto& entry : kept.entries) {
    known.insert(identity(entry));
    if (entry.processes.empty()) counted[series_of(entry)].push_back(entry);
  }
  HistoryAdded result;
  // Half a line from a crash stays a line of its own.
  std::string text = file.ends_a_line() ? "" : "\n";
  for (const auto& entry : entries) {
    if (!known.insert(identity(entry)).second) {
      ++result.there;
      continue;
    }
    if (entry.processes.empty()) {
      auto& series = counted[series_of(entry)];
      const HistoryEntry* before = nullptr;  // the latest of those that are not later
      for (const auto& one : series)
        if (!is_earlier(entry, one) && (!before || !is_earlier(one, *before))) before = &one;
      if (before && before->value == entry.value) {
        ++result.unchanged;
        continue;
      }
      series.push_back(entry);
    }
    text += line_of(entry);
    ++result.added;
  }
  if (result.added > 0) file.append(text);
  return result;
}

std::vector<HistoryEntry> read_resources(const fs::path& file, const std::string& commit,
                                         const std::string& time) {
  std::ifstream in(file);
  const Json json = Json::parse(in, nullptr, false);
  const auto no_report = [&] {
    return UsageError(fmt::format(
        "--resources {}: expected the kernel_resources.json that a build with CUDA writes",
        clean(file.string())));
  };
  if (!in || !json.is_object() || !json.contains("kernels")) throw no_report();
  std::vector<HistoryEntry> entries;
  try {
    for (const Json& kernel : json.at("kernels")) {
      HistoryEntry e;
      e.commit = commit, e.time = time;
      e.machine = kernel.at("arch").get<std::string>();
      e.scenario = "kernels", e.problem = kernel.at("file").get<std::string>();
      e.impl = kernel.at("kernel").get<std::string>(), e.mode = "eager";
      const auto add = [&](const std::string& measure, double value) {
        e.measure = measure;
        e.value = e.low = e.high = value;
        entries.push_back(e);
      };
      add("registers", kernel.at("registers").get<double>());
      add("bytes spilled", kernel.at("spill_store_bytes").get<double>() +
                               kernel.at("spill_load_bytes").get<double>());
      add("bytes of shared memory", kernel.at("shared_bytes").get<double>());
    }
  } catch (const Json::exception&) {
    throw no_report();
  }
  return entries;
}

}  // namespace rnnbench
