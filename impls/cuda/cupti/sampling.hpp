// Counters in time, while a forward call runs undisturbed: nothing is replayed.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "impls/cuda/cupti/counters.hpp"

namespace rnnbench::cupti {

/// One forward of about `forward_s`, which waits for the device and keeps it at work for about
/// `span_s`. Throws Failure or Error with the
/// reason where there is none.
Timeline sample_forward(const Chip& chip, const std::function<void()>& forward, double forward_s,
                        double span_s, const std::function<double()>& left_s,
                        std::vector<std::string>& warnings);

}  // namespace rnnbench::cupti
