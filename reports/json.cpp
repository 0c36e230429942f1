#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <filesystem>
#include <memory>
#include <ostream>
#include <sstream>

#include "reports/google_benchmark.hpp"
#include "reports/schema.hpp"
#include "reports/summary.hpp"
#include "reports/text.hpp"
#include "reports/writers.hpp"

namespace rnnbench {
namespace {

using schema::Json;

/// What the tables show of each case; for readers of the file, worked out again when it is read.
std::vector<Json> shown(const RunResult& run) {
  std::vector<Json> all(run.cases.size());
  for (const Section& s : sections(run))
    for (const Row& row : s.rows)
      all[row.index] = {{"problem_id", s.problem_id},
                        {"median_s", schema::encode(row.median_s)},
                        {"baseline", s.baseline},
                        {"speedup", schema::encode(row.speedup)},
                        {"flops_per_s", schema::encode(row.flops_per_s)},
                        {"floor_share", schema::encode(row.floor_share)},
                        {"fastest", row.fastest}};
  return all;
}

/// Throws UsageError, or what the JSON library throws where a type is wrong.
RunResult decode_run(std::string_view text) {
  const Json whole = Json::parse(text);
  if (!whole.is_object() || !whole.contains("rnnbench"))
    throw UsageError("not written by rnnbench: expected the results.json of a run");
  const Json& json = whole.at("rnnbench");
  if (const int found = json.at("schema_version").get<int>(); found != schema::version)
    throw UsageError(
        fmt::format("schema version {}, but this program reads {}: use the rnnbench "
                    "that wrote it",
                    found, schema::version));
  RunResult run;
  schema::decode(json, run);
  for (const Json& one : json.at("cases")) {
    try {
      schema::decode(one, run.cases.emplace_back());
      validate(run.cases.back().problem);
    } catch (const UsageError& e) {
      throw UsageError(fmt::format("case {}: {}", run.cases.size() - 1, e.what()));
    }
  }
  return run;
}

}  // namespace

void write_json(std::ostream& out, const RunResult& run) {
  out << "{\n\"context\": " << schema::dump(benchmark_context(run), 2) << ",\n\"benchmarks\": [";
  const char* separator = "\n";
  for (std::size_t k = 0; k < run.cases.size(); ++k)
    for (const Json& entry : benchmark_entries(run.cases[k], k)) {
      out << separator << schema::dump(entry);
      separator = ",\n";
    }
  out << "\n],\n\"rnnbench\": {\n\"schema_version\": " << schema::version;
  const Json head = schema::encode(run);
  for (const auto& [key, value] : head.items())
    out << ",\n" << schema::dump(key) << ": " << schema::dump(value, 2);
  out << ",\n\"cases\": [";
  const auto figures = shown(run);
  for (std::size_t k = 0; k < run.cases.size(); ++k) {
    Json json = schema::encode(run.cases[k]);
    json["shown"] = figures[k];
    out << (k ? ",\n" : "\n") << schema::dump(json);
  }
  out << "\n]\n}\n}\n";
}

RunResult parse_json(std::string_view text, const std::string& source) {
  const auto error = [&](std::string_view what) {
    return UsageError(fmt::format("{}: {}", clean(source), clean(what)));
  };
  try {
    return decode_run(text);
  } catch (const Json::parse_error& e) {
    const auto line = std::count(
        text.begin(), text.begin() + std::ptrdiff_t(std::min(e.byte, text.size())), '\n');
    throw error(text.empty()
                    ? "is empty: name the results.json of a run"
                    : fmt::format("is no JSON from line {} on (cut off, or another kind of file): "
                                  "name the results.json of a run",
                                  line + 1));
  } catch (const Json::exception& e) {
    const std::string_view what = e.what();
    throw error(
        fmt::format("is not the results.json of a run: {}", what.substr(what.find("] ") + 2)));
  } catch (const UsageError& e) {
    throw error(e.what());
  }
}

RunResult read_json(const std::filesystem::path& file) {
  const auto refuse = [&] {
    throw UsageError(
        fmt::format("{}: cannot be read: name the results.json of a run", clean(file.string())));
  };
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored)) refuse();
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> in(gzopen(file.c_str(), "rb"), gzclose);
  if (!in) refuse();
  std::string text;
  std::array<char, 1 << 16> part{};
  int count = 0;
  while ((count = gzread(in.get(), part.data(), part.size())) > 0)
    text.append(part.data(), std::size_t(count));
  if (count < 0 || gzeof(in.get()) == 0) refuse();
  return parse_json(text, file.string());
}

}  // namespace rnnbench
