// The GEMM of f16 parts on the emulated GPU.
#pragma once

#include <string>
#include <vector>

namespace rnnbench::persistent {

/// c = x · Wᵀ, x: [m, k] of up to 128 rows, or 64 in tiles other than the first, w: [n, k]. Empty,
/// or what went wrong.
std::string run_split_gemm(int tile_index, const std::vector<float>& x, const std::vector<float>& w,
                           int m, int n, int k, std::vector<float>& c);

}  // namespace rnnbench::persistent
