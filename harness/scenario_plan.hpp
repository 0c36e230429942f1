// Layers of settings, merged and multiplied out to problems.
#pragma once

#include <string>
#include <vector>

#include "harness/axis.hpp"

namespace rnnbench {

/// A field with its values; one that is fixed has a single value.
struct Axis {
  std::string field;
  std::vector<Setting> values;
};

/// A published table of sizes: every row is one combination of its columns.
struct ZipTable {
  struct Row {
    std::vector<Setting> cells;  // one per column
    std::string origin;
  };
  std::vector<std::string> columns;
  std::vector<Row> rows;
};

/// What a file, one of its variants, or the command line says about the problems.
struct Plan {
  std::string origin;          // to blame for what is missing
  std::vector<Axis> axes;      // in the order written; the last one varies fastest
  std::vector<ZipTable> zips;  // alternatives, one after the other
};

/// `over` replaces, field by field, what `base` says. Tables of `over` replace all tables of
/// `base`; a column of `base` that `over` sets is dropped, and rows that become equal are kept
/// once.
void merge(Plan& base, const Plan& over);

/// Every row of every table times every combination of the axes. Throws UsageError where settings
/// contradict each other, where a problem comes twice (unless `keep_once`, which drops the second),
/// and above 100000 problems.
std::vector<Problem> expand(const Plan& plan, bool keep_once);

}  // namespace rnnbench
