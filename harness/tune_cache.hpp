// Tuned choices, kept between runs in one file of the user's cache folder.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/statistics.hpp"
#include "harness/tune_key.hpp"

namespace rnnbench {

/// What was chosen for one key and one state of the code.
struct TuneEntry {
  TuneKey key;
  std::string code;            // hash of the code it was chosen for
  std::string origin;          // where that code was, as in Provider
  std::string config;          // the choice
  std::string default_config;  // the model's, which may be the choice
  PairedRatio ratio;    // choice / default, of the confirmation; 1 where the default was kept
  std::string problem;  // id of the problem it was measured on
  std::string date;     // ISO 8601

  bool operator==(const TuneEntry&) const = default;
  bool switched() const { return config != default_config; }
};

/// Speed gained over the default, 0.123 for 12.3 %.
double gain_of(const PairedRatio& ratio);
/// "+12.3 % over the default, 2026-01-31", or "the default was kept, …".
std::string gain_line(const TuneEntry& entry);

std::filesystem::path tune_cache_file();

/// All entries that can be read; `trouble` says in one line where something could not be.
std::vector<TuneEntry> read_tune_cache(std::string& trouble);

/// Keeps one, in the place of an older one for the same key and code. `where` says the file, or why
/// it could not be kept (that is no error). Others may write at the same time.
void keep_tuned(const TuneEntry& entry, std::string& where);

/// Removes the entries that `wanted` says yes to and gives their number. Throws Error where the
/// file cannot be written.
std::size_t clear_tuned(const std::function<bool(const TuneEntry&)>& wanted);

const TuneEntry* find_entry(const std::vector<TuneEntry>& entries, const TuneKey& key,
                            const std::string& code);
/// One for the same key and other code: stale.
const TuneEntry* find_stale(const std::vector<TuneEntry>& entries, const TuneKey& key,
                            const std::string& code);

}  // namespace rnnbench
