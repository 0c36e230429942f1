// Persistent: a team of threads for the whole call, each with its slice of the weights in its own
// cache from the first step to the last.
//
// What it teaches: a core's second cache level holds the hidden weights of 256 units, and reading
// them there is several times as fast as where all cores share. So who computes what is decided
// once for the whole sequence (plan.cpp): rows of the batch where there are several, for they never
// meet; directions; layers, one behind the other; units last, for they meet at every step. Input
// products are made for many steps at once, at the rate of a large product.
#include "harness/cores.hpp"
#include "harness/impl.hpp"
#include "impls/cpu/simd/recurrence.hpp"

namespace rnnbench {
namespace {

RNNBENCH_IMPL({.name = "persistent",
               .device = Device::cpu,
               .summary = "SIMD: threads keep their slice of the weights for the whole sequence",
               .unsupported = [](const Problem& p,
                                 const DeviceInfo&) { return simd_unsupported(p); },
               .make = [](const Problem& p, const Tensors& t,
                          const Options& options) -> std::unique_ptr<Kernel> {
                 const int threads = options.threads > 0 ? options.threads : usable_cores();
                 return make_recurrence(p, t, plan_team(p, threads, chosen_vectors(options).lanes),
                                        options);
               }});

}  // namespace
}  // namespace rnnbench
