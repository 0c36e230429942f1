// Memory that a parent and its workers both see. Tensors cross the process boundary through it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace rnnbench {

/// An anonymous file mapped into this process; gone when the last process that maps it is gone, so
/// nothing is left behind however a run ends.
class SharedMemory {
 public:
  SharedMemory() = default;
  /// Creates `bytes` of zeros; throws Error when memory is short.
  explicit SharedMemory(std::size_t bytes);
  /// Maps what another process created; `path` as its `path()` said. Throws Error.
  SharedMemory(const std::string& path, std::size_t bytes);
  SharedMemory(SharedMemory&& other) noexcept;
  SharedMemory& operator=(SharedMemory&& other) noexcept;
  ~SharedMemory();

  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }
  /// Where another process of this machine and user opens it: /proc/<pid>/fd/<n>.
  std::string path() const;

 private:
  void map(bool created);
  int fd_ = -1;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// A number that no other shared memory has while somebody maps what `path` names. Throws Error.
std::uint64_t shared_memory_id(const std::string& path);

}  // namespace rnnbench
