// Counters in time, while a forward call runs undisturbed: nothing is replayed.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "impls/cuda/cupti/counters.hpp"

namespace rnnbench::cupti {

/// Samples `calls(n)`: n forwards in a row, each of about `forward_s` and keeping the device at
/// work for about `span_s`, then waiting for it. Throws Failure or Error with the reason where
/// there is none.
Timeline sample_forward(const Chip& chip, const std::function<void(int)>& calls, double forward_s,
                        double span_s, const std::function<double()>& left_s,
                        std::vector<std::string>& warnings);

}  // namespace rnnbench::cupti
