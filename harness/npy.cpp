#include "harness/npy.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "harness/error.hpp"

namespace rnnbench {
namespace {

void write(const std::filesystem::path& file, const std::vector<std::int64_t>& shape,
           const char* type, const void* values, std::size_t element_bytes) {
  std::string extents;
  std::size_t count = 1;
  for (const auto extent : shape) {
    extents += fmt::format("{}, ", extent);
    count *= static_cast<std::size_t>(extent);
  }
  // The header is padded with spaces so that the data begin on a boundary of 64 bytes.
  std::string header =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", type, extents);
  constexpr std::size_t before = 10;
  header.append(63 - (before + header.size()) % 64, ' ');
  header += '\n';
  const auto size = static_cast<std::uint16_t>(header.size());
  const char start[before] = {'\x93',
                              'N',
                              'U',
                              'M',
                              'P',
                              'Y',
                              1,
                              0,
                              static_cast<char>(size & 0xFF),
                              static_cast<char>(size >> 8)};
  std::error_code ignored;
  std::filesystem::create_directories(file.parent_path(), ignored);
  std::ofstream out(file, std::ios::binary);
  out.write(start, before).write(header.data(), static_cast<std::streamsize>(header.size()));
  out.write(static_cast<const char*>(values), static_cast<std::streamsize>(count * element_bytes));
  out.close();
  if (!out)
    throw Error(fmt::format("{}: cannot be written ({}); choose another folder or free space",
                            file.string(), std::strerror(errno)));
}

}  // namespace

void write_npy(const std::filesystem::path& file, const std::vector<std::int64_t>& shape,
               const float* values) {
  write(file, shape, "<f4", values, sizeof(float));
}

void write_npy(const std::filesystem::path& file, const std::vector<std::int64_t>& shape,
               const double* values) {
  write(file, shape, "<f8", values, sizeof(double));
}

}  // namespace rnnbench
