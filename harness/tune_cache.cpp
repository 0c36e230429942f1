#include "harness/tune_cache.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "harness/calibration.hpp"
#include "harness/protocol.hpp"

namespace rnnbench {
namespace {

namespace fs = std::filesystem;

constexpr int cache_version = 1;  // grows when older programs would misread newer entries

Json to_entry(const TuneEntry& e) {
  return {{"device", e.key.device},
          {"units", e.key.units},
          {"driver", e.key.driver},
          {"impl", e.key.impl},
          {"mode", e.key.mode},
          {"cache", e.key.cache},
          {"options", e.key.options},
          {"problem_class", e.key.problem_class},
          {"code", e.code},
          {"origin", e.origin},
          {"config", e.config},
          {"default_config", e.default_config},
          {"ratio", e.ratio.ratio},
          {"ratio_low", e.ratio.low},
          {"ratio_high", e.ratio.high},
          {"rounds", e.ratio.rounds},
          {"problem", e.problem},
          {"date", e.date}};
}

/// Nothing where a field is missing or of another type.
std::optional<TuneEntry> from_entry(const Json& json) {
  try {
    TuneEntry e;
    json.at("device").get_to(e.key.device);
    json.at("units").get_to(e.key.units);
    json.at("driver").get_to(e.key.driver);
    json.at("impl").get_to(e.key.impl);
    json.at("mode").get_to(e.key.mode);
    json.at("cache").get_to(e.key.cache);
    json.at("options").get_to(e.key.options);
    json.at("problem_class").get_to(e.key.problem_class);
    json.at("code").get_to(e.code);
    json.at("origin").get_to(e.origin);
    json.at("config").get_to(e.config);
    json.at("default_config").get_to(e.default_config);
    json.at("ratio").get_to(e.ratio.ratio);
    json.at("ratio_low").get_to(e.ratio.low);
    json.at("ratio_high").get_to(e.ratio.high);
    json.at("rounds").get_to(e.ratio.rounds);
    json.at("problem").get_to(e.problem);
    json.at("date").get_to(e.date);
    if (e.config.empty() || e.date.size() < 10 || !(e.ratio.ratio > 0)) return std::nullopt;
    return e;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

fs::path set_aside_name() { return tune_cache_file().string() + ".unreadable"; }

/// The file's entries as they stand, so that what is not understood is written back as it was.
/// `trouble` is empty where there is no file: nobody has tuned yet.
Json raw_entries(std::string& trouble) {
  std::ifstream in(tune_cache_file());
  if (!in) return Json::array();
  Json json = Json::parse(in, nullptr, false);
  if (json.is_object() && json.contains("rnnbench_tuned") &&
      json.at("rnnbench_tuned") == cache_version && json.contains("entries") &&
      json.at("entries").is_array())
    return json.at("entries");
  trouble = fmt::format(
      "{}: not a file of tuned choices that this program can read, so it is ignored (the next tune "
      "moves it to {} and begins a new one)",
      tune_cache_file().string(), set_aside_name().filename().string());
  return Json::array();
}

/// Held while the file is read, changed and written: of two writers the second sees what the first
/// wrote. The lock is a file of its own, since a rename would take a lock on the cache away.
class Lock {
 public:
  Lock() {
    std::error_code ignored;
    fs::create_directories(cache_folder(), ignored);
    const auto file = tune_cache_file().string() + ".lock";
    file_ = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (file_ < 0)
      throw Error(
          fmt::format("{} cannot be written ({}); make its folder writable, or name another "
                      "in RNNBENCH_CACHE",
                      file, std::strerror(errno)));
    while (flock(file_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  ~Lock() { close(file_); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  int file_ = -1;
};

/// Only with the lock held. Whole or not at all: written beside it, then renamed.
void write_entries(const Json& entries) {
  const auto file = tune_cache_file();
  const fs::path beside = file.string() + fmt::format(".{}", getpid());
  std::ofstream out(beside);
  out << Json{{"rnnbench_tuned", cache_version}, {"entries", entries}}.dump(
             1, ' ', false, Json::error_handler_t::replace)
      << '\n';
  out.close();
  std::error_code error;
  if (out) fs::rename(beside, file, error);
  if (out && !error) return;
  fs::remove(beside, error);
  throw Error(
      fmt::format("{} cannot be written; free some space there, or name another folder in "
                  "RNNBENCH_CACHE",
                  file.string()));
}

/// What cannot be read may still be worth something to its owner.
Json entries_to_change() {
  std::string trouble;
  Json entries = raw_entries(trouble);
  std::error_code ignored;
  if (!trouble.empty()) fs::rename(tune_cache_file(), set_aside_name(), ignored);
  return entries;
}

}  // namespace

double gain_of(const PairedRatio& ratio) { return ratio.ratio > 0 ? 1 / ratio.ratio - 1 : 0; }

std::string gain_line(const TuneEntry& entry) {
  const auto day = entry.date.substr(0, 10);
  return entry.switched()
             ? fmt::format("{:+.1f} % over the default, {}", 100 * gain_of(entry.ratio), day)
             : fmt::format("the default was kept, {}", day);
}

fs::path tune_cache_file() { return cache_folder() / "tuned.json"; }

std::vector<TuneEntry> read_tune_cache(std::string& trouble) {
  std::vector<TuneEntry> entries;
  int unread = 0;
  for (const auto& json : raw_entries(trouble)) {
    if (auto entry = from_entry(json))
      entries.push_back(std::move(*entry));
    else
      ++unread;
  }
  if (unread > 0)
    trouble = fmt::format("{}: {} of its entries cannot be read and {} ignored",
                          tune_cache_file().string(), unread, unread == 1 ? "is" : "are");
  return entries;
}

void keep_tuned(const TuneEntry& entry, std::string& where) {
  try {
    const Lock lock;
    Json entries = entries_to_change();
    entries.erase(std::remove_if(entries.begin(), entries.end(),
                                 [&](const Json& json) {
                                   const auto other = from_entry(json);
                                   return other && other->key == entry.key &&
                                          other->code == entry.code;
                                 }),
                  entries.end());
    entries.push_back(to_entry(entry));
    write_entries(entries);
    where = fmt::format("kept in {}", tune_cache_file().string());
  } catch (const Error& error) {
    where = fmt::format("not kept: {}", error.what());
  }
}

std::size_t clear_tuned(const std::function<bool(const TuneEntry&)>& wanted) {
  std::error_code ignored;
  if (!fs::exists(tune_cache_file(), ignored)) return 0;
  const Lock lock;
  Json entries = entries_to_change();
  const std::size_t before = entries.size();
  entries.erase(std::remove_if(entries.begin(), entries.end(),
                               [&](const Json& json) {
                                 const auto entry = from_entry(json);
                                 return entry && wanted(*entry);
                               }),
                entries.end());
  if (entries.size() != before) write_entries(entries);
  return before - entries.size();
}

const TuneEntry* find_entry(const std::vector<TuneEntry>& entries, const TuneKey& key,
                            const std::string& code) {
  for (const auto& entry : entries)
    if (entry.key == key && entry.code == code && !code.empty()) return &entry;
  return nullptr;
}

const TuneEntry* find_stale(const std::vector<TuneEntry>& entries, const TuneKey& key,
                            const std::string& code) {
  for (const auto& entry : entries)
    if (entry.key == key && entry.code != code) return &entry;
  return nullptr;
}

}  // namespace rnnbench
