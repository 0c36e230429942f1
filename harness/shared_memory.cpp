#include "harness/shared_memory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "harness/error.hpp"

namespace rnnbench {

SharedMemory::SharedMemory(std::size_t bytes) : size_(bytes) {
  fd_ = memfd_create("rnnbench", MFD_CLOEXEC);
  if (fd_ < 0) throw Error(fmt::format("memfd_create: {}", std::strerror(errno)));
  // Reserving the pages now turns a later SIGBUS into an error that names the size.
  const int error = bytes == 0 ? 0 : posix_fallocate(fd_, 0, static_cast<off_t>(bytes));
  if (error != 0) {
    close(fd_);
    throw Error(fmt::format("no {:.1f} MB of shared memory for tensors: {}; use smaller sizes",
                            static_cast<double>(bytes) / 1e6, std::strerror(error)));
  }
  map(true);
}

SharedMemory::SharedMemory(const std::string& path, std::size_t bytes) : size_(bytes) {
  fd_ = open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd_ < 0) throw Error(fmt::format("shared memory {}: {}", path, std::strerror(errno)));
  map(false);
}

void SharedMemory::map(bool created) {
  if (size_ == 0) return;
  void* mapped = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0);
  if (mapped == MAP_FAILED) {
    const int error = errno;
    close(fd_);
    throw Error(fmt::format("mapping {} bytes of shared memory ({}): {}", size_,
                            created ? "new" : "a worker's", std::strerror(error)));
  }
  data_ = static_cast<std::byte*>(mapped);
}

SharedMemory::SharedMemory(SharedMemory&& other) noexcept { *this = std::move(other); }

SharedMemory& SharedMemory::operator=(SharedMemory&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

SharedMemory::~SharedMemory() {
  if (data_) munmap(data_, size_);
  if (fd_ >= 0) close(fd_);
}

std::uint64_t shared_memory_id(const std::string& path) {
  struct stat found {};
  if (stat(path.c_str(), &found) != 0)
    throw Error(fmt::format("shared memory {}: {}", path, std::strerror(errno)));
  return found.st_ino;
}

std::string SharedMemory::path() const { return fmt::format("/proc/{}/fd/{}", getpid(), fd_); }

}  // namespace rnnbench
