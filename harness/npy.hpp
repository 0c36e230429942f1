// Tensors as .npy files (NumPy format version 1.0), so that anyone can check them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace rnnbench {

/// Writes a dense row-major tensor, creating folders. Throws Error naming the file.
void write_npy(const std::filesystem::path& file, const std::vector<std::int64_t>& shape,
               const float* values);
void write_npy(const std::filesystem::path& file, const std::vector<std::int64_t>& shape,
               const double* values);

}  // namespace rnnbench
