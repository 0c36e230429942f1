// Ceilings of this machine: how fast it copies, multiplies matrices, and meets at a barrier.
#include <cblas.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#ifdef RNNBENCH_HAS_ONEDNN
#include <omp.h>
#include <oneapi/dnnl/dnnl.h>
#endif

#include "impls/common/cpu_backend.hpp"
#include "impls/common/scratch.hpp"
#include "impls/common/team.hpp"

namespace rnnbench {
namespace {

#ifdef RNNBENCH_HAS_ONEDNN
constexpr const char* gemm_library = "OpenBLAS or oneDNN,";
#else
constexpr const char* gemm_library = "OpenBLAS,";
#endif

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Seconds of the fastest of up to `most` calls, within `limit_s` once one was made.
template <class Work>
double fastest(int most, double limit_s, const Work& work) {
  const double begin = now();
  double best = 0;
  for (int k = 0; k < most && (k == 0 || now() - begin < limit_s); ++k) {
    const double start = now();
    work();
    const double took = now() - start;
    if (k == 0 || took < best) best = took;
  }
  return best;
}

/// Bytes copied between two arrays, each four times the last cache level but at most 128 MiB.
std::size_t copy_bytes(const DeviceInfo& device) {
  const double wanted = std::clamp(4 * device.llc_bytes, 64.0 * (1 << 20), 128.0 * (1 << 20));
  return static_cast<std::size_t>(wanted);
}

double copy_bandwidth(std::size_t bytes, int threads) {
  Scratch from(bytes / sizeof(float)), to(bytes / sizeof(float));
  Team team(threads);
  const double seconds = fastest(8, 0.3, [&] {
    team.run([&](int rank) {
      const std::size_t part = bytes / static_cast<std::size_t>(threads) / 64 * 64;
      const auto at = part * static_cast<std::size_t>(rank) / sizeof(float);
      std::memcpy(to.get() + at, from.get() + at, part);
    });
  });
  return 2 * static_cast<double>(bytes) / seconds;
}

/// The best library there is: OpenBLAS of Debian 12 leaves a quarter of a new processor's rate, and
/// a ceiling that cpu:onednn breaks through is none.
double gemm_rate(int size, int threads) {
  const auto elements = static_cast<std::size_t>(size) * static_cast<std::size_t>(size);
  Scratch a(elements), b(elements), c(elements);
  for (std::size_t k = 0; k < elements; ++k) {  // zeros would flatter some chips
    a.get()[k] = static_cast<float>(k % 17) * 0.1f - 0.8f;
    b.get()[k] = static_cast<float>(k % 13) * 0.1f - 0.6f;
  }
  openblas_set_num_threads(threads);
  double seconds = fastest(8, 0.6, [&] {
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, size, size, size, 1, a.get(), size,
                b.get(), size, 0, c.get(), size);
  });
#ifdef RNNBENCH_HAS_ONEDNN
  if (omp_set_num_threads) omp_set_num_threads(threads);
  seconds = std::min(seconds, fastest(8, 0.6, [&] {
                       dnnl_sgemm('N', 'N', size, size, size, 1, a.get(), size, b.get(), size, 0,
                                  c.get(), size);
                     }));
#endif
  return 2.0 * size * size * size / seconds;
}

double barrier_time(int threads) {
  constexpr int rounds = 2000;
  Team team(threads);
  SpinBarrier barrier(threads);
  const double seconds = fastest(5, 0.05, [&] {
    team.run([&](int) {
      for (int k = 0; k < rounds; ++k) barrier.wait();
    });
  });
  return seconds / rounds;
}

}  // namespace

Peaks cpu_calibrate(const DeviceInfo& device, int threads) {
  Peaks peaks;
  // Barriers first: after a product OpenBLAS's threads go on spinning for a while.
  peaks.exchange_s = {{1, 0.0}};
  for (int n = 2; n <= threads; n = n < threads && 2 * n > threads ? threads : 2 * n)
    peaks.exchange_s.emplace_back(n, barrier_time(n));
  const std::size_t bytes = copy_bytes(device);
  const int size = threads > 8 ? 4096 : 2048;
  // Several times, apart from each other: a ceiling taken in a busy moment would flatter for weeks.
  double& rate = peaks.gemm_flops_per_s["f32"];
  for (int pass = 0; pass < 4; ++pass) {
    peaks.copy_bytes_per_s = std::max(peaks.copy_bytes_per_s, copy_bandwidth(bytes, threads));
    rate = std::max(rate, gemm_rate(size, threads));
  }
  peaks.how = fmt::format(
      "memcpy of {} MiB and sgemm of {} {} cubed with {} {}, spinning barriers; fastest call each",
      bytes >> 20, gemm_library, size, threads, threads == 1 ? "thread" : "threads");
  return peaks;
}

}  // namespace rnnbench
