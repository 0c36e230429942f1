#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "harness/error.hpp"
#include "reports/summary.hpp"
#include "reports/text.hpp"
#include "reports/writers.hpp"
#include "tests/reports_fixture.hpp"

namespace rnnbench {
namespace {

using Json = nlohmann::json;

std::string console(const RunResult& run, const ConsoleStyle& style = {}) {
  std::ostringstream out;
  write_console(out, run, style);
  return out.str();
}

/// Without line breaks, which may stand anywhere between words.
std::string flat(const std::string& text) {
  std::string words;
  std::istringstream in(text);
  for (std::string word; in >> word;) words += (words.empty() ? "" : " ") + word;
  return words;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::string line_with(const std::string& text, const std::string& part) {
  for (const auto& line : lines_of(text))
    if (line.find(part) != std::string::npos) return line;
  return "";
}

/// RFC 4180, into one map of column to value per case.
std::vector<std::map<std::string, std::string>> parse_csv(const std::string& text) {
  std::vector<std::vector<std::string>> rows(1);
  std::string field;
  bool quoted = false;
  for (std::size_t k = 0; k < text.size(); ++k) {
    const char c = text[k];
    if (quoted && c == '"' && text[k + 1] == '"')
      field += '"', ++k;
    else if (c == '"')
      quoted = !quoted;
    else if (!quoted && (c == ',' || c == '\n')) {
      rows.back().push_back(field), field.clear();
      if (c == '\n') rows.emplace_back();
    } else if (quoted || c != '\r')
      field += c;
  }
  EXPECT_TRUE(rows.back().empty() && field.empty() && !quoted) << "cut off";
  rows.pop_back();
  std::vector<std::map<std::string, std::string>> cases;
  for (std::size_t r = 1; r < rows.size(); ++r) {
    EXPECT_EQ(rows[r].size(), rows[0].size());
    for (std::size_t k = 0; k < rows[0].size(); ++k)
      (k ? cases.back() : cases.emplace_back())[rows[0][k]] = rows[r][k];
  }
  return cases;
}

TEST(Outcomes, words_and_exit_codes) {
  const std::pair<Outcome, const char*> words[] = {
      {Outcome::passed, "passed"},           {Outcome::mistrusted, "mistrusted"},
      {Outcome::incorrect, "incorrect"},     {Outcome::failed, "failed"},
      {Outcome::crashed, "crashed"},         {Outcome::timed_out, "timed out"},
      {Outcome::unsupported, "unsupported"}, {Outcome::over_budget, "over budget"},
      {Outcome::unverified, "unverified"}};
  for (const auto& [outcome, word] : words) {
    EXPECT_EQ(name(outcome), word);
    EXPECT_EQ(parse_outcome(word), outcome);
    RunResult run;
    run.cases.resize(2);
    run.cases[1].outcome = outcome;
    EXPECT_EQ(exit_code(run), outcome >= Outcome::incorrect && outcome <= Outcome::timed_out);
  }
  EXPECT_THROW(parse_outcome("Passed"), UsageError);
}

TEST(Fastest, is_the_least_median_among_those_that_passed) {
  const RunResult run = one_of_each();
  EXPECT_EQ(fastest(run, "gru_bidir", bidir), 2u);
  EXPECT_FALSE(fastest(run, "other", bidir));
  EXPECT_FALSE(fastest(run, "gru_bidir", "gru_b1_t1_i1_h1_l1_f32"));
}

TEST(Baseline, is_the_fastest_peer_else_the_slowest) {
  RunResult run = one_of_each();
  EXPECT_EQ(sections(run)[0].baseline, "cpu:onednn");
  run.cases[1].outcome = Outcome::incorrect;
  EXPECT_EQ(sections(run)[0].baseline, "cpu:naive");
  for (CaseResult& c : run.cases) c.outcome = Outcome::unverified;
  EXPECT_EQ(sections(run)[0].baseline, "cpu:onednn");
  for (CaseResult& c : run.cases) c.outcome = Outcome::crashed;
  EXPECT_EQ(sections(run)[0].baseline, "");
}

TEST(Baseline, may_be_a_peer_that_is_more_accurate_but_not_one_that_is_less) {
  RunResult run;
  for (const char* dtype : {"f32", "f16", "bf16"}) {
    run.cases.push_back(timed("cuda:cudnn", dtype == std::string("f32") ? 2 : 3,
                              fmt::format("gru_b1_t1_i1_h1_l1_{}", dtype)));
    run.cases.back().peer = true;
  }
  run.cases[2].time->median = 1e-6;
  const auto all = sections(run);
  EXPECT_EQ(all[0].baseline, "cuda:cudnn");
  EXPECT_EQ(all[1].baseline, "cuda:cudnn in f32");
  EXPECT_EQ(all[2].baseline, "cuda:cudnn");
}

TEST(Writers, show_the_same_numbers) {
  const RunResult run = one_of_each();
  const std::string table = console(run), markdown = written(write_markdown, run);
  const auto csv = parse_csv(written(write_csv, run));
  const Json json = Json::parse(written(write_json, run));
  ASSERT_EQ(csv.size(), run.cases.size());
  for (std::size_t k = 0; k < run.cases.size(); ++k) {
    const CaseResult& c = run.cases[k];
    const Json& shown = json["rnnbench"]["cases"][k]["shown"];
    const std::string row = line_with(table, c.impl + "  "), md = line_with(markdown, c.impl + "`");
    EXPECT_EQ(csv[k].at("outcome"), name(c.outcome));
    EXPECT_EQ(json["rnnbench"]["cases"][k]["outcome"], name(c.outcome));
    EXPECT_EQ(csv[k].at("median_s").empty(), shown["median_s"].is_null());
    EXPECT_EQ(shown["baseline"], csv[k].at("baseline"));
    std::vector<std::string> parts{std::string(name(c.outcome))};
    if (c.time) {
      const double median = std::stod(csv[k].at("median_s"));
      EXPECT_EQ(median, shown["median_s"]);
      EXPECT_EQ(median, c.time->median);
      EXPECT_EQ(std::stod(csv[k].at("speedup")), shown["speedup"]);
      EXPECT_EQ(std::stod(csv[k].at("floor_share")), shown["floor_share"]);
      EXPECT_EQ(std::stod(csv[k].at("flops_per_s")), shown["flops_per_s"]);
      EXPECT_EQ(csv[k].at("fastest") == "true", shown["fastest"]);
      parts.insert(parts.end(), {format_seconds(median), format_ratio(shown["speedup"]),
                                 format_percent(shown["floor_share"]),
                                 format_interval(std::stod(csv[k].at("ci_low_s")),
                                                 std::stod(csv[k].at("ci_high_s"))),
                                 fmt::format("{:.4g}", shown["flops_per_s"].get<double>() / 1e9)});
    }
    for (const auto& part : parts) {
      EXPECT_NE(row.find(part), std::string::npos) << c.impl << ": " << part << " in " << row;
      EXPECT_NE(md.find(part), std::string::npos) << c.impl << ": " << part << " in " << md;
    }
  }
  const double speedup = json["rnnbench"]["cases"][2]["shown"]["speedup"];
  EXPECT_NEAR(speedup, 345.6 / 234.5, 1e-9);
}

TEST(Console, says_which_is_fastest_and_why_others_did_not_pass) {
  const std::string text = console(one_of_each(), {.files = {"out/results.json"}});
  const auto lines = lines_of(text);
  EXPECT_NE(line_with(text, "cpu:blas ").find("  * cpu:blas"), std::string::npos);
  EXPECT_EQ(std::count_if(lines.begin(), lines.end(),
                          [](const auto& l) { return l.starts_with("  * "); }),
            1);
  EXPECT_NE(text.find("  cache hot, 9 rounds; speed-up over cpu:onednn (the fastest peer)"),
            std::string::npos);
  EXPECT_NE(text.find("floor: cpu 100.0 ms (flops)"), std::string::npos);
  EXPECT_NE(text.find("      projected 12.50 s, not measured: over 5 s a run"), std::string::npos);
  EXPECT_NE(text.find("      h_n[1,2,3]: got 1, expected 2"), std::string::npos);
  const std::string end = flat(text.substr(text.rfind("cpu:blas is fastest")));
  EXPECT_NE(end.find("42.6 % of the floor's speed; 1.47x as fast as cpu:onednn"),
            std::string::npos);
  EXPECT_NE(end.find("3 of 11 cases passed, 1 mistrusted, 1 incorrect"), std::string::npos);
  EXPECT_NE(end.find("Written: out/results.json"), std::string::npos);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(console(one_of_each(), {.color = true, .files = {}}).find("\x1b[1m"),
            std::string::npos);
}

TEST(Console, says_what_differs_between_devices_and_cache_modes) {
  RunResult run;
  run.cases = {timed("cuda:cublas", 2, bidir), timed("cuda:cublas", 3, bidir),
               timed("cpu:blas", 30, bidir)};
  run.cases[0].device = "cuda:0";
  run.cases[1].device = "cuda:1";
  run.cases[2].cache = "cold";
  const std::string text = console(run);
  EXPECT_NE(text.find("  cache hot, 9 rounds; cache cold, 9 rounds; speed-up"), std::string::npos);
  EXPECT_NE(text.find("floor: cuda 100.0 ms (flops), cuda:1 100.0 ms (flops), cpu"),
            std::string::npos);
  EXPECT_NE(line_with(text, "cuda:cublas on cuda:1").find("3.000 ms"), std::string::npos);
  EXPECT_NE(case_name(run.cases[0]), case_name(run.cases[1]));
  EXPECT_EQ(parse_csv(written(write_csv, run))[1].at("device"), "cuda:1");
  EXPECT_EQ(parse_csv(written(write_csv, run))[2].at("cache"), "cold");
  EXPECT_EQ(parse_csv(written(write_csv, run))[2].at("rounds"), "9");
}

TEST(Markdown, says_how_each_scenario_was_measured) {
  RunResult run = one_of_each();
  run.protocols = {{"one", "cpu", {}}, {"two", "cpu", {}}, {"three", "cpu", {}}};
  EXPECT_EQ(written(write_markdown, run).find("three on cpu"), std::string::npos) << "all alike";
  run.protocols[1].protocol.cache = "rotate";
  const auto text = flat(written(write_markdown, run));
  EXPECT_NE(text.find("one on cpu, three on cpu: Up to 9 rounds"), std::string::npos) << text;
  EXPECT_NE(text.find("two on cpu: Up to 9 rounds"), std::string::npos);
  EXPECT_NE(text.find("cache rotate"), std::string::npos);
}

TEST(Console, fits_its_width_and_keeps_columns_straight) {
  RunResult run = one_of_each();
  run.cases[0].impl = "cpu:漢字";
  run.cases[4].reason = std::string(300, 'x') + " " + std::string(90, 'y');
  run.cases[5].impl = "cpu:" + std::string(150, 'z');
  for (const auto& line : lines_of(console(run))) EXPECT_LE(columns(line), 100) << line;
  const auto column_of = [&](const std::string& impl) {
    const auto line = line_with(console(run), impl);
    return columns(line.substr(0, line.find("passed")));
  };
  EXPECT_EQ(column_of("漢字"), column_of("    cpu:onednn"));
}

TEST(Console, marks_an_order_that_may_be_chance) {
  RunResult run;
  run.cases = {timed("cpu:a", 10, bidir), timed("cpu:b", 10.01, bidir)};
  EXPECT_NE(flat(console(run)).find("intervals overlap"), std::string::npos);
  run.cases[1] = timed("cpu:b", 11, bidir);
  EXPECT_EQ(flat(console(run)).find("intervals overlap"), std::string::npos);
}

/// Three cases that were asked for counters, the last on a GPU; nothing is counted yet.
RunResult with_counters(const std::string& metrics) {
  RunResult run;
  run.cases = {timed("cpu:a", 1, bidir), timed("cpu:b", 2, bidir), timed("cuda:c", 3, bidir)};
  run.protocols.resize(2);
  for (PlanProtocol& plan : run.protocols) plan.protocol.metrics = metrics;
  for (CaseResult& c : run.cases) c.profile.emplace();
  return run;
}

TEST(Counters, what_was_named_and_has_no_value_is_said_once_for_each_reason) {
  RunResult run = with_counters("cycels,zzz,yyy,page-faults,launch__x");
  for (CaseResult& c : run.cases)
    c.profile->region = {{"cycels", not_read("no such counter; nearest: cycles")},
                         {"launch__x", not_read("of a kernel: see the kernels")},
                         {"page-faults", read_as(3)},
                         {"unasked", not_read("of no interest")},
                         {"yyy", not_read("no such counter")},
                         {"zzz", not_read("no such counter")}};
  run.cases[1].profile->region["cycels"] = not_read("of this case alone, 12.3 us");
  run.cases[2].profile->region["page-faults"] = not_read("a GPU has none");
  run.cases[2].profile->region["cycels"] = not_read("no such metric on this chip");
  for (int k = 0; k < 3; k += 2)
    run.cases[static_cast<std::size_t>(k)].profile->kernels.push_back(
        {"kernel", "", 1, 1, {{"launch__x", not_read("no such metric of a launch")}}});
  run.cases[1].profile->region.erase("launch__x");
  EXPECT_EQ(
      counters_notes(run),
      (std::vector<std::string>{"warning: no value for cycels: no such counter; nearest: cycles.",
                                "warning: no value for launch__x: no such metric of a launch.",
                                "warning: no value for yyy, zzz: no such counter.",
                                "warning: no value for cycels: no such metric on this chip."}));
  EXPECT_NE(flat(console(run)).find("no value for yyy, zzz: no such counter."), std::string::npos);
  run.cases[0].profile->kernels[0].metrics["launch__x"] = read_as(1);
  EXPECT_EQ(flat(console(run)).find("launch__x"), std::string::npos);
  for (PlanProtocol& plan : run.protocols) plan.protocol.metrics = "full";
  EXPECT_TRUE(counters_notes(run).empty()) << "a level's are not asked for one by one";
}

TEST(Counters, where_there_are_none_at_all_each_reason_is_said_once) {
  RunResult run = with_counters("default");
  for (CaseResult& c : run.cases)
    c.profile->region = {{"cycles", not_read("not permitted")},
                         {"instructions", not_read("not permitted")}};
  run.cases[2].profile->region["cycles"] = not_read("no CUPTI");
  EXPECT_EQ(counters_notes(run),
            (std::vector<std::string>{"No counters: not permitted.", "No counters: no CUPTI."}));
  run.protocols[0].protocol.metrics = "cycles";
  EXPECT_EQ(counters_notes(run).at(1), "No counters for cycles: no CUPTI.");
  // What needs no permission does not hide that the rest is missing.
  run.protocols[0].protocol.metrics = "default";
  for (const char* known : {"context-switches", "rnnbench__span_time", "launch__grid_size"})
    run.cases[0].profile->region[known] = read_as(1);
  EXPECT_EQ(counters_notes(run).at(0), "No counters: not permitted.");
  run.cases[0].profile->region["task-clock"] = read_as(1);
  EXPECT_TRUE(counters_notes(run).empty());
  for (CaseResult& c : run.cases) c.profile.reset();
  EXPECT_TRUE(counters_notes(run).empty());
}

TEST(Markdown, says_as_the_console_does_why_there_are_no_counters) {
  RunResult run = with_counters("default");
  EXPECT_EQ(flat(written(write_markdown, run)).find("No counters"), std::string::npos);
  run.cases[0].profile->region["cycles"] = not_read("not *permitted*");
  const std::string says = "No counters: not \\*permitted\\*.";
  EXPECT_NE(flat(written(write_markdown, run)).find(says), std::string::npos);
}

TEST(Console, counts_wins_over_several_problems) {
  RunResult run;
  run.cases = {timed("cpu:a", 1, bidir), timed("cpu:b", 2, bidir),
               timed("cpu:a", 2, "gru_b1_t1_i1_h1_l1_f32"),
               timed("cpu:b", 1, "gru_b1_t1_i1_h1_l1_f32"),
               timed("cpu:b", 1, "gru_b1_t1_i1_h2_l1_f32")};
  const auto text = console(run);
  const auto words = flat(text);
  EXPECT_NE(
      words.find("cpu:b is fastest on 2 of 3 problems, cpu:a on 1. cpu:b there: 2.00x as fast as "
                 "their baselines in the geometric mean, 10000 % of the floor's speed in the "
                 "median. 5 of 5 cases passed."),
      std::string::npos)
      << words;
  EXPECT_NE(console(RunResult{}).find("0 of 0 cases passed"), std::string::npos);
}

TEST(Baseline, best_cudnn_is_a_row_of_its_own_that_names_the_algorithm) {
  RunResult run;
  run.cases = {timed("cuda:cudnn-standard", 5, bidir), timed("cuda:cudnn-standard", 3, bidir),
               timed("cuda:cudnn-persist-static", 4, bidir), timed("cuda:fused", 1, bidir),
               timed("cuda:cudnn-small-h", 2, bidir)};
  run.cases[1].mode = "graph";
  run.cases[4].outcome = Outcome::mistrusted;
  for (CaseResult& c : run.cases) c.peer = c.impl != "cuda:fused";
  const auto all = sections(run);
  ASSERT_TRUE(all[0].best_cudnn);
  EXPECT_EQ(all[0].best_cudnn->label, "best cuDNN: standard (graph)");
  EXPECT_EQ(all[0].rows.size(), 5U);
  EXPECT_NE(flat(console(run)).find("best cuDNN: standard (graph) 3.000 ms"), std::string::npos);
  EXPECT_NE(written(write_markdown, run).find("best cuDNN: standard"), std::string::npos);
  const auto csv = parse_csv(written(write_csv, run));
  ASSERT_EQ(csv.size(), 6U);
  EXPECT_EQ(csv[5].at("derived"), "best cuDNN");
  EXPECT_EQ(csv[5].at("impl"), "cuda:cudnn-standard");
  EXPECT_EQ(csv[0].at("derived"), "");
  EXPECT_NE(console(run).find("speed-up over cuda:cudnn-standard (graph) (the fastest peer)"),
            std::string::npos);
  EXPECT_FALSE(sections(one_of_each())[0].best_cudnn);
}

TEST(Markdown, hostile_text_stays_in_its_place) {
  RunResult run = one_of_each();
  for (CaseResult& c : run.cases) {
    c.impl += hostile, c.scenario = c.reason = c.reproduce = hostile + "```";
    c.warnings = {hostile};
  }
  run.environment.facts = {{hostile, hostile}};
  run.environment.tags = {{hostile, hostile}};
  const std::string text = written(write_markdown, run);
  for (const auto& line : lines_of(text)) {
    EXPECT_EQ(clean(line), line);
    if (!line.starts_with("| ")) continue;
    int bars = 0;
    for (std::size_t k = 0; k < line.size(); ++k)
      bars += line[k] == '|' && (k == 0 || line[k - 1] != '\\');
    EXPECT_TRUE(bars == 8 || bars == 3) << line;
  }
  EXPECT_NE(text.find("````sh\n"), std::string::npos);  // a fence that its text cannot close
  for (const auto& line : lines_of(console(run))) EXPECT_EQ(clean(line), line);
}

TEST(Csv, hostile_text_comes_back) {
  RunResult run = one_of_each();
  run.cases[3].reason = run.cases[3].impl = hostile;
  const auto csv = parse_csv(written(write_csv, run));
  EXPECT_EQ(csv[3].at("reason"), clean(hostile));
  EXPECT_EQ(csv[3].at("impl"), clean(hostile));
  EXPECT_EQ(written(write_csv, RunResult{}), "");
}

}  // namespace
}  // namespace rnnbench
