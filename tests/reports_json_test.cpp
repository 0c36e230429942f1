#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "harness/error.hpp"
#include "reports/writers.hpp"
#include "tests/reports_fixture.hpp"

namespace rnnbench {
namespace {

using Json = nlohmann::json;

/// A run with something random in every field.
RunResult random_run(unsigned seed) {
  std::mt19937_64 random(seed);
  const auto number = [&] { return std::ldexp(static_cast<double>(random() >> 11), -60); };
  const auto text = [&] {
    std::string s;
    for (auto k = random() % 12; k > 0; --k) s += static_cast<char>(1 + random() % 127);
    return s + "漢\"\\";
  };
  const auto pairs = [&] {
    std::vector<std::pair<std::string, std::string>> all(random() % 4);
    for (auto& p : all) p = {text(), text()};
    return all;
  };
  const auto maybe = [&] { return random() % 2 ? std::optional(number()) : std::nullopt; };
  const auto summary = [&] {
    return Summary{random() % 99, number(), number(), number(),
                   number(),      number(), number(), number()};
  };
  RunResult r{text(), text(), number(), random() % 2 == 0, text(), {}, {}, {}};
  r.environment.facts = pairs();
  for (int k = 0; k < 2; ++k)
    r.environment.devices.push_back({static_cast<Device>(k), static_cast<int>(random() % 8), text(),
                                     132, 90, number(), number(), number(), number(), number(),
                                     pairs()});
  r.environment.peaks["cuda:0"] = {
      number(),
      {{"f32", number()}},
      {{2, number()}, {8, number()}},
      text(),
      {{{text(), 8, 4, number()}}, {{text(), 16, 0, text(), random() % 2 == 0}}, text()}};
  r.environment.tags[text()] = text();
  for (int k = 0; k < 2; ++k)
    r.protocols.push_back({text(),
                           text(),
                           {7, number(), 3, number(), number(), text(), true, random(), false,
                            false, 5, maybe(), maybe()}});
  for (int k = 0; k < 20; ++k) {
    CaseResult c;
    c.scenario = text(), c.impl = text(), c.mode = text(), c.reason = text(), c.note = text();
    c.device = text(), c.machine = text(), c.cache = text(), c.config = text(),
    c.config_note = text();
    c.config_source = static_cast<ConfigSource>(random() % 5);
    c.reproduce = text(), c.peer = random() % 2, c.outcome = static_cast<Outcome>(random() % 9);
    Problem& p = c.problem;
    p.cell = static_cast<Cell>(random() % 4), p.dtype = static_cast<Dtype>(random() % 4);
    p.layout = static_cast<Layout>(random() % 2), p.head_at = static_cast<HeadAt>(random() % 3);
    p.batch = 1 + random() % 99, p.seq = 1 + random() % 99, p.input = 1 + random() % 99;
    p.hidden = 1 + random() % 99, p.layers = 1 + random() % 9, p.directions = 1 + random() % 2;
    p.head = p.head_at == HeadAt::none ? 0 : 1 + random() % 99;
    p.bias = random() % 2, p.stateful = random() % 2, p.want_output = random() % 2;
    p.want_h_n = p.head_at == HeadAt::none, p.want_c_n = p.cell == Cell::lstm;
    c.verification = {number(), number(), number(), text(), text(), {text(), text()}};
    c.setup_s = maybe(), c.projected_s = maybe();
    for (auto n = random() % 150; n > 0; --n)
      c.samples.push_back({static_cast<int>(n), number(), number()});
    if (random() % 2) c.time = summary();
    if (random() % 2) c.wall = summary();
    c.floor = {number(), number(), number(), number(), 9, text()};
    c.device_state = pairs(), c.warnings = {text()};
    if (random() % 2) {
      Profile& profile = c.profile.emplace();
      profile.region = {{text(), read_as(number())}, {text() + "?", not_read(text())}};
      profile.kernels = {{text(), text(), 7, 2, {{text(), read_as(number())}}}};
      profile.kernels_why = text(), profile.timeline_why = text(), profile.warnings = {text()};
      profile.spent_s = number();
      if (random() % 2) profile.timeline = {number(), 3, {{text(), {number(), number()}}}};
      Meaning& meaning = c.meaning.emplace();
      meaning.ridge = maybe(), meaning.whole.flops = maybe(), meaning.whole.bound = text();
      meaning.kernels = {{text(), text(), 7, {}}}, meaning.needed_bytes = number();
      meaning.gap_s = maybe(), meaning.traffic_note = text();
      c.findings = {{text(), text(), maybe(), text(), text()}};
    }
    r.cases.push_back(c);
  }
  return r;
}

TEST(Json, whole_run_comes_back) {
  for (unsigned seed = 0; seed < 30; ++seed) {
    const RunResult run = random_run(seed);
    const RunResult back = parse_json(written(write_json, run), "memory");
    ASSERT_EQ(back.cases.size(), run.cases.size());
    for (std::size_t k = 0; k < run.cases.size(); ++k)
      EXPECT_TRUE(back.cases[k] == run.cases[k]) << k;
    EXPECT_TRUE(back.environment == run.environment);
    EXPECT_TRUE(back.protocols == run.protocols);
    EXPECT_TRUE(back == run);
  }
}

// Files of this version from before configurations were known have none.
TEST(Json, what_came_later_may_be_absent) {
  Json json = Json::parse(written(write_json, one_of_each()));
  for (Json& one : json["rnnbench"]["cases"])
    for (const char* key : {"machine", "config", "config_source", "config_note"}) {
      EXPECT_EQ(one.at(key), "");
      one.erase(key);
    }
  EXPECT_TRUE(parse_json(json.dump(), "memory") == one_of_each());
  for (Json& one : json["rnnbench"]["cases"]) one["config_source"] = "fate";
  EXPECT_THROW(parse_json(json.dump(), "memory"), UsageError);
}

TEST(Json, nan_and_infinity_come_back) {
  RunResult run = one_of_each();
  run.cases[4].verification.max_error = NAN;
  run.cases[5].verification.max_error = -INFINITY;
  const RunResult back = parse_json(written(write_json, run), "memory");
  EXPECT_TRUE(std::isnan(back.cases[4].verification.max_error));
  EXPECT_EQ(back.cases[5].verification.max_error, -INFINITY);
}

TEST(Json, hostile_text_is_still_json) {
  RunResult run = one_of_each();
  run.cases[4].reason = run.cases[0].impl = run.command = hostile;
  run.environment.tags[hostile] = hostile;
  const Json json = Json::parse(written(write_json, run));  // throws on bad UTF-8 too
  EXPECT_EQ(json["benchmarks"].back()["label"], "unverified");
  parse_json(written(write_json, run), "memory");
}

// The keys that Google Benchmark's own reporter writes and its compare.py reads.
TEST(Json, is_google_benchmarks) {
  const Json json = Json::parse(written(write_json, one_of_each()));
  for (const char* key : {"date", "host_name", "executable", "num_cpus", "mhz_per_cpu", "caches",
                          "load_avg", "library_build_type", "cpu_scaling_enabled"})
    EXPECT_TRUE(json["context"].contains(key)) << key;
  EXPECT_EQ(json["context"]["load_avg"], (std::vector<double>{0.5, 0.25, 0.1}));
  EXPECT_EQ(json["context"]["mhz_per_cpu"], 2500);
  EXPECT_EQ(json["context"]["executable"], "rnnbench");
  std::map<std::string, int> errors;
  int iterations = 0;
  for (const Json& b : json["benchmarks"]) {
    for (const char* key : {"name", "run_name", "run_type", "repetitions", "threads", "iterations",
                            "real_time", "cpu_time", "time_unit"})
      ASSERT_TRUE(b.contains(key)) << key << " in " << b;
    EXPECT_EQ(b["time_unit"], "ms");
    const bool aggregate = b["run_type"] == "aggregate";
    EXPECT_EQ(b.contains("aggregate_name") && b.contains("aggregate_unit"), aggregate);
    EXPECT_EQ(b.contains("repetition_index"), !aggregate);
    const std::string suffix = aggregate ? "_" + b["aggregate_name"].get<std::string>() : "";
    EXPECT_EQ(b["name"], b["run_name"].get<std::string>() + suffix);
    if (b.contains("error_occurred")) ++errors[b["error_message"].get<std::string>()];
    iterations += !aggregate && !b.contains("error_occurred");
    if (b["name"] == fmt::format("gru_bidir/{}/cpu:blas_median", bidir)) {
      EXPECT_NEAR(b["real_time"], 234.5, 1e-9);
    }
  }
  EXPECT_EQ(iterations, 5 * 27);
  EXPECT_EQ(errors.size(), 6u);
  EXPECT_EQ(errors["timed out: no answer in 120 s"], 1);
}

TEST(Json, many_samples_stay_compact) {
  RunResult run;
  run.cases = {timed("cpu:a", 1, bidir)};
  run.cases[0].samples.assign(100'000, {3, 0.0012345, 0.0012346});
  const std::string text = written(write_json, run);
  EXPECT_LT(text.size(), 3'000'000u);
  const Json json = Json::parse(text);
  for (const Json& b : json["benchmarks"]) EXPECT_EQ(b["run_type"], "aggregate");
  EXPECT_EQ(parse_json(text, "memory").cases[0].samples.size(), 100'000u);
}

TEST(Json, what_is_not_ours_is_refused_in_words) {
  const auto error = [](const std::string& text) -> std::string {
    try {
      parse_json(text, "old.json");
    } catch (const UsageError& e) {
      return e.what();
    }
    return "none";
  };
  EXPECT_NE(error("{").find("old.json: "), std::string::npos);
  EXPECT_NE(error("[]").find("not written by rnnbench"), std::string::npos);
  EXPECT_NE(error("{\"context\":{}, \"benchmarks\":[]}").find("not written by rnnbench"),
            std::string::npos);
  const std::string good = written(write_json, one_of_each());
  EXPECT_EQ(error(good), "none");
  const auto changed = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return error(text.replace(at, from.size(), to));
  };
  EXPECT_NE(changed("\"schema_version\": 2", "\"schema_version\": 99").find("version 99"),
            std::string::npos);
  EXPECT_NE(changed("\"outcome\":\"passed\"", "\"outcome\":\"great\"").find("case 0: outcome: "),
            std::string::npos);
  EXPECT_NE(changed("\"batch\":10", "\"batch\":-10").find("batch"), std::string::npos);
  EXPECT_NE(changed("\"batch\":10", "\"batch\":[]").find("batch"), std::string::npos);
  EXPECT_NE(changed("\"round\":[0,", "\"round\":[").find("differ in length"), std::string::npos);
  EXPECT_THROW(read_json("/nonexistent/results.json"), UsageError);
}

}  // namespace
}  // namespace rnnbench
