// report.html: that it is one safe file, and that it says what the other writers say.
#include <gtest/gtest.h>

#include <sstream>

#include "reports/page_data.hpp"
#include "reports/page_texts.hpp"
#include "reports/summary.hpp"
#include "reports/text.hpp"
#include "reports/writers.hpp"
#include "tests/reports_fixture.hpp"

namespace rnnbench {
namespace {

using schema::Json;

template <class Writer>
std::string written(const Writer& writer) {
  std::ostringstream out;
  writer(out);
  return out.str();
}
std::string page(const RunResult& run) {
  return written([&](std::ostream& out) { write_html(out, run); });
}
/// What the page's scripts will read.
Json data_in(const std::string& html) {
  const std::string begin = "<script type=\"application/json\" id=\"data\">";
  const auto from = html.find(begin) + begin.size();
  return Json::parse(html.substr(from, html.find("</script>", from) - from));
}

TEST(Page, IsOneFileThatAsksNoNetwork) {
  const std::string html = page(one_of_each());
  EXPECT_NE(html.find("default-src 'none'"), std::string::npos);
  for (const char* outside : {"src=\"", "@import", "url(", "<link"})
    EXPECT_EQ(html.find(outside), std::string::npos) << outside;
  for (const char* place : {"<!--style-->", "<!--data-->", "<!--chart-->", "<!--script-->"})
    EXPECT_EQ(html.find(place), std::string::npos) << place;
  EXPECT_NE(html.find(page_script), std::string::npos);
}

TEST(Page, HostileTextStaysData) {
  RunResult run = one_of_each();
  const std::string attack = "</script><script>attack()</script><!-- ";
  run.command = run.warning = run.cases[0].note = run.cases[0].scenario = attack;
  run.environment.tags["</script>"] = attack;
  run.cases.back().reason = attack + hostile;
  const std::string html = page(run);
  EXPECT_EQ(html.find("attack()</script>"), std::string::npos);
  EXPECT_EQ(html.find("<script>attack"), std::string::npos);
  const Json data = data_in(html);
  EXPECT_EQ(data["runs"][0]["command"], attack) << "shown as it is";
  EXPECT_EQ(data["cases"].back()["remarks"][0], clean(attack + hostile));
}

TEST(Page, SaysWhatMarkdownAndCsvSay) {
  RunResult run = one_of_each();
  run.cases.push_back(timed("cpu:blas", 12.345, "lstm_b3_t5_i7_h9_l1_f32"));
  const Json data = data_in(page(run));
  const auto all = sections(run);
  const std::string markdown = written([&](std::ostream& out) { write_markdown(out, run); });
  const std::string csv = written([&](std::ostream& out) { write_csv(out, run); });
  EXPECT_EQ(data["runs"][0]["answer"], conclusion(run, all));
  ASSERT_EQ(data["cases"].size(), run.cases.size());
  std::size_t k = 0;
  for (std::size_t s = 0; s < all.size(); ++s)
    for (const Row& row : all[s].rows) {
      const Json& one = data["cases"][k++];
      const RowText text = text_of(row);
      EXPECT_EQ(one["series"], text.label);
      EXPECT_EQ(one["section"], s);
      EXPECT_EQ(data["sections"][s]["problem"], all[s].problem_id);
      EXPECT_EQ(one["outcome"], text.outcome);
      EXPECT_EQ(one["text"]["median"], text.median);
      EXPECT_EQ(one["text"]["speedup"], text.speedup);
      const std::string cells = text.median + (row.fastest ? "** | " : " | ") + text.interval;
      EXPECT_NE(markdown.find(cells), std::string::npos) << cells;
      EXPECT_EQ(one["median_s"].is_null(), !row.median_s);
      if (!row.median_s) continue;
      EXPECT_EQ(one["median_s"], *row.median_s);
      EXPECT_NE(csv.find(fmt::format("{}", *row.median_s)), std::string::npos) << *row.median_s;
      EXPECT_EQ(one["samples"].size(), row.result->samples.size());
    }
}

TEST(Page, ThinsManySamplesEvenly) {
  RunResult run;
  run.cases = {timed("cpu:blas", 1, bidir)};
  run.cases[0].samples.clear();
  for (int k = 0; k < 1000; ++k) run.cases[0].samples.push_back({k / 100, 1.0 + k, 1.0 + k});
  const Json samples = data_in(page(run))["cases"][0]["samples"];
  ASSERT_EQ(samples.size(), 100U);
  EXPECT_EQ(samples[0], 1);
  EXPECT_EQ(samples[99], 991);
}

TEST(Page, RunsSideBySideShareProblems) {
  RunResult one, two;
  one.cases = {timed("cpu:blas", 1, bidir)};
  two.cases = {timed("cpu:blas", 2, bidir), timed("cpu:blas", 3, "lstm_b3_t5_i7_h9_l1_f32")};
  const Json data = page_data({{"old", &one}, {"new", &two}});
  ASSERT_EQ(data["sections"].size(), 2U);
  EXPECT_EQ(data["cases"][0]["section"], data["cases"][1]["section"]);
  EXPECT_EQ(data["cases"][0]["series"], "cpu:blas, old");
  EXPECT_EQ(data["cases"][1]["series"], "cpu:blas, new");
  EXPECT_TRUE(data["runs"][1]["answer"].get<std::string>().starts_with("new: "));
}

}  // namespace
}  // namespace rnnbench
