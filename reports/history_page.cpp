#include "reports/history_page.hpp"

#include <fmt/format.h>

#include <map>
#include <ostream>
#include <set>

#include "reports/page_frame.hpp"
#include "reports/page_texts.hpp"
#include "reports/schema.hpp"
#include "reports/text.hpp"

namespace rnnbench {
namespace {

using schema::Json;

std::string label_of(const HistoryEntry& e) {
  return clean(e.impl + (e.mode == "eager" ? "" : fmt::format(" ({})", e.mode)));
}

/// Series that share a chart: implementations of one problem on one machine.
std::string chart_of(const HistoryEntry& e) {
  return e.machine + "\n" + e.scenario + "\n" + e.problem + "\n" + e.measure;
}

Json series_json(const Trend& trend) {
  Json points = Json::array(), changes = Json::array();
  for (const auto& e : trend.entries)
    points.push_back({{"commit", clean(e.commit)},
                      {"time", clean(e.time)},
                      {"value", e.value},
                      {"low", e.low},
                      {"high", e.high}});
  for (const auto& change : trend.changes)
    changes.push_back(
        {{"at", change.at}, {"before", change.before}, {"after", change.after}, {"p", change.p}});
  return {{"series", label_of(trend.entries.front())}, {"points", points}, {"changes", changes}};
}

std::string number_text(const HistoryEntry& e, double value) {
  return e.unit == "s" ? format_seconds(value) : fmt::format("{:.0f}", value);
}

}  // namespace

void write_history_html(std::ostream& out, const std::vector<Trend>& trends,
                        const std::string& link) {
  std::map<std::string, std::size_t> places;
  Json charts = Json::array(), cases = Json::array();
  std::set<std::string> commits;
  std::size_t changes = 0;
  for (const auto& trend : trends) {
    const auto& first = trend.entries.front();
    const auto [found, is_new] = places.try_emplace(chart_of(first), charts.size());
    if (is_new)
      charts.push_back({{"machine", clean(first.machine)},
                        {"scenario", clean(first.scenario)},
                        {"problem", clean(first.problem)},
                        {"measure", clean(first.measure)},
                        {"unit", clean(first.unit)},
                        {"lines", Json::array()}});
    charts[found->second]["lines"].push_back(series_json(trend));
    cases.push_back({{"series", label_of(first)}});
    changes += trend.changes.size();
    for (const auto& entry : trend.entries) commits.insert(entry.commit);
  }
  const Json data{{"title", "rnnbench: results over commits"},
                  {"answer", fmt::format("{} series over {} commits, {} change{}.", trends.size(),
                                         commits.size(), changes, changes == 1 ? "" : "s")},
                  {"link", link},
                  {"charts", charts},
                  {"cases", cases}};
  fill_page(out, history_frame, history_script, data);
}

void write_github_benchmark(std::ostream& out, const std::vector<HistoryEntry>& entries) {
  Json list = Json::array();
  for (const auto& e : entries) {
    const bool time = e.unit == "s";
    Json one{{"name", fmt::format("{}/{}/{}{}", clean(e.scenario), clean(e.problem), label_of(e),
                                  time ? "" : ": " + clean(e.measure))},
             {"unit", time ? "us" : clean(e.measure)},
             {"value", time ? 1e6 * e.value : e.value}};
    if (e.high > e.low) one["range"] = fmt::format("{:.4g}", 1e6 * (e.high - e.low) / 2);
    one["extra"] =
        fmt::format("{}\n{} - {}", clean(e.machine), number_text(e, e.low), number_text(e, e.high));
    list.push_back(std::move(one));
  }
  out << schema::dump(list, 1) << '\n';
}

}  // namespace rnnbench
