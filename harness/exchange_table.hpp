// Exchange costs as text.
#pragma once

#include <string>

#include "harness/exchange.hpp"

namespace rnnbench {

/// Microseconds by way, units and size; below each way why a cell has none. Ends with a newline.
std::string exchange_table(const ExchangeCosts& costs);

/// The cheapest measured way for each number of units and size.
std::vector<ExchangeCost> cheapest_exchanges(const ExchangeCosts& costs);

}  // namespace rnnbench
