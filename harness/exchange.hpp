// What it costs units to exchange a hidden state: measured lines, and a look-up for cost models.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rnnbench {

/// One all-gather of h: each of `units` owns a part of `kib` KiB, and has all of it afterwards.
struct ExchangeCost {
  std::string way;  // "l2-words16", "cluster-async" ...: docs/measuring.md has them all
  int units = 0;
  int kib = 0;
  double seconds = 0;

  bool operator==(const ExchangeCost&) const = default;
};

/// A line that has no cost.
struct NoExchange {
  std::string way;
  int units = 0, kib = 0;  // 0: all
  std::string why;
  bool failed = false;  // tried, and wrong or hung; otherwise not possible here

  bool operator==(const NoExchange&) const = default;
};

struct ExchangeCosts {
  std::vector<ExchangeCost> measured;
  std::vector<NoExchange> missing;
  std::string how;  // one line: what was run

  /// Seconds of one all-gather of `bytes` by `units`. Between measured points linear in the
  /// logarithms of bytes and units; a size beyond those measured costs what the nearest one does,
  /// fewer units than were measured what the fewest do. Nothing where the way was not measured,
  /// or not with so many units: no cluster is larger than the largest.
  std::optional<double> lookup(std::string_view way, int units, std::size_t bytes) const;
  /// Lines that were tried and are wrong or hung.
  bool failed() const;

  bool operator==(const ExchangeCosts&) const = default;
};

}  // namespace rnnbench
