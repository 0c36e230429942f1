// Fused: one pass a step over weights that were packed once, gates in registers.
//
// What it teaches: between the products of a step and its gates nothing needs to be written. The
// sums of a few rows and one vector of units stay in registers through both products and the gates,
// and the only store is the new state. What is left to gain is that input products need not wait
// for the step before them: cpu:persistent.
#include "harness/cores.hpp"
#include "harness/impl.hpp"
#include "impls/cpu/simd/recurrence.hpp"

namespace rnnbench {
namespace {

RNNBENCH_IMPL(
    {.name = "fused",
     .device = Device::cpu,
     .summary = "SIMD: both products and the gates of a step in one pass, sums in registers",
     .unsupported = [](const Problem& p, const DeviceInfo&) { return simd_unsupported(p); },
     .make = [](const Problem& p, const Tensors& t,
                const Options& options) -> std::unique_ptr<Kernel> {
       const int threads = options.threads > 0 ? options.threads : usable_cores();
       return make_recurrence(p, t, plan_steps(p, threads, chosen_vectors(options).lanes), options);
     }});

}  // namespace
}  // namespace rnnbench
