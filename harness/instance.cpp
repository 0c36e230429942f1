#include "harness/instance.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace rnnbench {
namespace {
constexpr unsigned char guard_byte = 0xA5;
constexpr unsigned char poison_byte = 0xFF;  // all ones is a NaN in f32, f16 and bf16
}  // namespace

GuardedBuffer::GuardedBuffer(Session& session, std::string name, std::size_t bytes)
    : session_(&session),
      name_(std::move(name)),
      bytes_(bytes),
      base_(session.allocate(bytes + 2 * guard_bytes)) {
  session.fill(base_, guard_byte, bytes + 2 * guard_bytes);
}

GuardedBuffer::GuardedBuffer(GuardedBuffer&& other) noexcept
    : session_(other.session_),
      name_(std::move(other.name_)),
      bytes_(other.bytes_),
      base_(std::exchange(other.base_, nullptr)) {}

GuardedBuffer::~GuardedBuffer() {
  if (base_) session_->release(base_);
}

void GuardedBuffer::poison() { session_->fill(data(), poison_byte, bytes_); }

std::optional<std::string> GuardedBuffer::violation() const {
  std::vector<unsigned char> zone(guard_bytes);
  const auto* start = static_cast<const unsigned char*>(base_);
  const auto first_wrong = [&](std::size_t offset) {
    session_->copy_out(zone.data(), start + offset, guard_bytes);
    return std::find_if(zone.begin(), zone.end(), [](auto b) { return b != guard_byte; }) -
           zone.begin();
  };
  const auto after = first_wrong(guard_bytes + bytes_);
  if (after != guard_bytes)
    return fmt::format("wrote past the end of {}: {} bytes after it", name_, after);
  const auto before = first_wrong(0);
  if (before != guard_bytes)
    return fmt::format("wrote before the start of {}: {} bytes before it", name_,
                       static_cast<std::ptrdiff_t>(guard_bytes) - before);
  return std::nullopt;
}

Instance::Instance(Session& session, const Problem& problem)
    : session_(session), problem_(problem), specs_(tensor_specs(problem)) {
  const auto size = static_cast<std::size_t>(bytes_per_element(problem.dtype));
  buffers_.reserve(specs_.size());
  for (const auto& spec : specs_) buffers_.emplace_back(session, spec.name, spec.elements() * size);
}

void Instance::make(const Impl& impl, const Options& options, bool graph) {
  std::vector<void*> pointers;
  for (auto& buffer : buffers_) pointers.push_back(buffer.data());
  graph_.reset();
  kernel_ = impl.make(problem_, bind_tensors(problem_, pointers), options);
  if (!kernel_) throw Error(full_name(impl) + " made no kernel");
  launched_ = kernel_.get();
  kernel_->reset(session_.stream());
  session_.synchronize();
  if (!graph) return;
  graph_ = session_.record(*kernel_);
  launched_ = graph_.get();
}

GuardedBuffer& Instance::buffer(std::string_view name) {
  for (auto& buffer : buffers_)
    if (buffer.name() == name) return buffer;
  throw Error(fmt::format("{} has no tensor {}", id(problem_), name));
}

std::size_t Instance::bytes() const {
  std::size_t sum = 0;
  for (const auto& buffer : buffers_) sum += buffer.bytes();
  return sum;
}

void Instance::poison_outputs() {
  for (std::size_t k = 0; k < specs_.size(); ++k)
    if (specs_[k].role == Role::output) buffers_[k].poison();
}

void Instance::reset_state() { kernel_->reset(session_.stream()); }

std::optional<std::string> Instance::violation() const {
  for (const auto& buffer : buffers_)
    if (auto found = buffer.violation()) return found;
  return std::nullopt;
}

}  // namespace rnnbench
