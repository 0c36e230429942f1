#include "harness/scenario_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_map>

namespace rnnbench {
namespace {

constexpr std::size_t max_problems = 100'000;

void drop_axis(Plan& plan, const std::string& field) {
  std::erase_if(plan.axes, [&](const Axis& axis) { return axis.field == field; });
}

void drop_column(Plan& plan, const std::string& field) {
  for (auto& table : plan.zips) {
    const auto at = std::find(table.columns.begin(), table.columns.end(), field);
    if (at == table.columns.end()) continue;
    const auto column = at - table.columns.begin();
    table.columns.erase(at);
    std::set<std::vector<std::string>> seen;
    std::vector<ZipTable::Row> kept;
    for (auto& row : table.rows) {
      row.cells.erase(row.cells.begin() + column);
      std::vector<std::string> texts;
      for (const auto& cell : row.cells) texts.push_back(cell.text);
      if (seen.insert(std::move(texts)).second) kept.push_back(std::move(row));
    }
    table.rows = std::move(kept);
  }
}

/// Rows of all tables; one empty row where there is no table.
std::size_t row_count(const Plan& plan) {
  std::size_t rows = plan.zips.empty() ? 1 : 0;
  for (const auto& table : plan.zips) rows += table.rows.size();
  return rows;
}

void check_size(const Plan& plan) {
  double problems = static_cast<double>(row_count(plan));
  const Axis* longest = nullptr;
  for (const auto& axis : plan.axes) {
    problems *= static_cast<double>(axis.values.size());
    if (!longest || axis.values.size() > longest->values.size()) longest = &axis;
  }
  if (problems > static_cast<double>(max_problems))
    fail(longest ? longest->values[0].origin : plan.origin,
         fmt::format("at most {} problems", max_problems), fmt::format("{:.0f}", problems));
}

/// Collects problems, each once.
class Collector {
 public:
  explicit Collector(bool keep_once) : keep_once_(keep_once) {}

  void add(Problem&& p, const std::string& origin) {
    const auto [at, fresh] = first_.emplace(id(p), origin);
    if (fresh)
      problems.push_back(std::move(p));
    else if (!keep_once_)
      fail(origin, "every problem once",
           fmt::format("{} again (first at {})", at->first, at->second));
  }

  std::vector<Problem> problems;

 private:
  bool keep_once_;
  std::unordered_map<std::string, std::string> first_;
};

/// All combinations of the axes under the settings of one row.
void cross(const Plan& plan, std::vector<const Setting*> settings, const std::string* row_origin,
           Collector& collector) {
  std::vector<std::size_t> slot, value(plan.axes.size());
  for (const auto& axis : plan.axes)
    slot.push_back(static_cast<std::size_t>(find_field(axis.field) - fields().data()));
  const Axis* swept = nullptr;  // to blame for a repeated problem when there is no table
  for (const auto& axis : plan.axes)
    if (axis.values.size() > 1) swept = &axis;
  for (;;) {
    for (std::size_t k = 0; k < value.size(); ++k)
      settings[slot[k]] = &plan.axes[k].values[value[k]];
    const auto& origin = row_origin ? *row_origin : swept ? swept->values[0].origin : plan.origin;
    collector.add(make_problem(settings, plan.origin), origin);
    std::size_t k = value.size();
    while (k > 0 && ++value[k - 1] == plan.axes[k - 1].values.size()) value[--k] = 0;
    if (k == 0) return;
  }
}

}  // namespace

void merge(Plan& base, const Plan& over) {
  if (!over.zips.empty()) {
    base.zips = over.zips;
    for (const auto& table : over.zips)
      for (const auto& column : table.columns) drop_axis(base, column);
  }
  for (const auto& axis : over.axes) {
    drop_column(base, axis.field);
    const auto at = std::find_if(base.axes.begin(), base.axes.end(),
                                 [&](const Axis& old) { return old.field == axis.field; });
    if (at == base.axes.end())
      base.axes.push_back(axis);
    else
      *at = axis;
  }
}

std::vector<Problem> expand(const Plan& plan, bool keep_once) {
  check_size(plan);
  Collector collector(keep_once);
  const std::vector<const Setting*> none(fields().size());
  if (plan.zips.empty()) cross(plan, none, nullptr, collector);
  for (const auto& table : plan.zips)
    for (const auto& row : table.rows) {
      auto settings = none;
      for (std::size_t k = 0; k < row.cells.size(); ++k)
        settings[static_cast<std::size_t>(find_field(table.columns[k]) - fields().data())] =
            &row.cells[k];
      cross(plan, settings, &row.origin, collector);
    }
  return std::move(collector.problems);
}

}  // namespace rnnbench
