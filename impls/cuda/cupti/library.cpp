#include "impls/cuda/cupti/library.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <cstdlib>
#include <vector>

#include "harness/error.hpp"
#include "impls/cuda/cupti/reasons.hpp"

namespace rnnbench::cupti {
namespace {

std::vector<std::string> candidates() {
  if (const char* named = std::getenv("RNNBENCH_CUPTI"); named && *named) return {named};
  const std::string soname = fmt::format("libcupti.so.{}", CUDA_VERSION / 1000);
  std::vector<std::string> files{soname, "libcupti.so"};
  std::vector<std::string> roots{"/usr/local/cuda"};
  if (const char* home = std::getenv("CUDA_HOME"); home && *home) roots.insert(roots.begin(), home);
  for (const auto& root : roots)
    for (const char* folder : {"lib64", "extras/CUPTI/lib64", "lib"})
      files.push_back(fmt::format("{}/{}/{}", root, folder, soname));
  return files;
}

/// CUPTI asks the loader for its host library by the bare name, which finds only what is on the
/// loader's own path or in the process already.
void open_host_library(const void* symbol) {
  Dl_info place{};
  if (!dladdr(symbol, &place) || !place.dli_fname) return;
  const std::string file = place.dli_fname;
  const auto slash = file.rfind('/');
  if (slash == std::string::npos) return;
  (void)dlopen((file.substr(0, slash + 1) + "libnvperf_host.so").c_str(), RTLD_NOW | RTLD_LOCAL);
}

Api open() {
  void* library = nullptr;
  std::string first, found;
  for (const auto& file : candidates()) {
    library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    found = file;
    if (library) break;
    if (first.empty()) first = dlerror();
  }
  if (!library)
    throw Unsupported(
        fmt::format("CUPTI cannot be opened ({}): install the toolkit's CUPTI, or name its file in "
                    "RNNBENCH_CUPTI",
                    first));
  Api api{};
#define X(function)                                                                  \
  api.function = reinterpret_cast<decltype(&::function)>(dlsym(library, #function)); \
  if (!api.function) throw Unsupported(found + " has no " #function ": a newer CUPTI is needed");
  RNNBENCH_CUPTI_FUNCTIONS(X)
#undef X
  open_host_library(reinterpret_cast<const void*>(api.cuptiGetVersion));
  return api;
}

}  // namespace

const Api& api() {
  static const Api api = open();
  return api;
}

std::string library_state() {
  try {
    std::uint32_t version = 0;
    RNNBENCH_CUPTI_CALL(cuptiGetVersion, &version);
    // 130001 is 13.0's second; before that a counter of its own: 26 was 12.8's.
    return version >= 100000
               ? fmt::format("{}.{}.{}", version / 10000, version % 10000 / 100, version % 100)
               : fmt::format("API {}", version);
  } catch (const Error& error) {
    return fmt::format("absent: {}", error.what());
  }
}

void check(CUptiResult result, const char* call) {
  if (result == CUPTI_SUCCESS) return;
  const char* words = nullptr;
  (void)api().cuptiGetResultString(result, &words);
  throw Failure(static_cast<int>(result), words ? words : "", call);
}

}  // namespace rnnbench::cupti
