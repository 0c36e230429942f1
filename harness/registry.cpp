#include "harness/impl.hpp"

namespace rnnbench {

std::string_view name(Device device) { return device == Device::cpu ? "cpu" : "cuda"; }

Registry& Registry::instance() {
  static Registry registry;
  return registry;
}

void Registry::add(Impl impl) {
  if (find(full_name(impl)))
    throw Error("two implementations are called " + full_name(impl) + ": rename one of them");
  impls_.push_back(std::move(impl));
}

void Registry::add(Backend backend) { backends_.push_back(backend); }
void Registry::add(LateLibrary library) { libraries_.push_back(std::move(library)); }

const Impl* Registry::find(std::string_view wanted) const {
  for (const Impl& impl : impls_)
    if (full_name(impl) == wanted) return &impl;
  return nullptr;
}

const Backend* Registry::backend(Device kind) const {
  for (const Backend& backend : backends_)
    if (backend.kind == kind) return &backend;
  return nullptr;
}

}  // namespace rnnbench
