// A kernel's tensors on its device, inside guard zones, and the kernel bound to them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/device.hpp"
#include "harness/impl.hpp"

namespace rnnbench {

/// One device buffer with a zone of known bytes before and after it.
class GuardedBuffer {
 public:
  static constexpr std::size_t guard_bytes = 4096;
  GuardedBuffer(Session& session, std::string name, std::size_t bytes);
  GuardedBuffer(GuardedBuffer&& other) noexcept;
  GuardedBuffer& operator=(GuardedBuffer&&) = delete;
  ~GuardedBuffer();

  void* data() const { return static_cast<unsigned char*>(base_) + guard_bytes; }
  std::size_t bytes() const { return bytes_; }
  const std::string& name() const { return name_; }
  /// NaN in every storage type, so that an element that was not written is seen.
  void poison();
  /// Says which zone was overwritten and where; nothing while both are whole.
  std::optional<std::string> violation() const;

 private:
  Session* session_;
  std::string name_;
  std::size_t bytes_;
  void* base_;
};

/// The buffers of one problem in tensor_specs order, and one kernel bound to them.
class Instance {
 public:
  Instance(Session& session, const Problem& problem);

  void make(const Impl& impl, const Options& options, bool graph);
  Kernel& kernel() const { return *launched_; }
  /// What a graph was recorded from; without a graph the same.
  Kernel& recorded() const { return *kernel_; }
  std::string note() const { return kernel_ ? kernel_->note() : std::string(); }
  std::string complaint() const { return kernel_ ? kernel_->complaint() : std::string(); }
  GuardedBuffer& buffer(std::size_t index) { return buffers_[index]; }
  GuardedBuffer& buffer(std::string_view name);
  const Problem& problem() const { return problem_; }
  const std::vector<TensorSpec>& specs() const { return specs_; }
  std::size_t bytes() const;
  void poison_outputs();
  void reset_state();
  std::optional<std::string> violation() const;

 private:
  Session& session_;
  Problem problem_;
  std::vector<TensorSpec> specs_;
  std::vector<GuardedBuffer> buffers_;
  std::unique_ptr<Kernel> kernel_;
  std::unique_ptr<Kernel> graph_;
  Kernel* launched_ = nullptr;
};

}  // namespace rnnbench
