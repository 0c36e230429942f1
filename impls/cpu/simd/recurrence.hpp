// A whole problem on a team of threads, each of which keeps its own slice of the weights.
#pragma once

#include <memory>

#include "harness/impl.hpp"
#include "impls/common/simd.hpp"
#include "impls/cpu/simd/plan.hpp"

namespace rnnbench {

/// The kernels of the machine's widest vectors, or of those that `--option vectors=NAME` names.
/// Throws UsageError for a name that this machine does not have.
const SimdKernels& chosen_vectors(const Options& options);

/// Binds a problem to its tensors with the plan. `options`: threads are those of the plan; pin=yes
/// keeps each on a core of its own. Throws Error where memory or threads are short, UsageError for
/// an option's value that there is not.
std::unique_ptr<Kernel> make_recurrence(const Problem& p, const Tensors& t, const TeamPlan& plan,
                                        const Options& options);

/// Why the SIMD kernels do not run it; nothing when they do.
Reason simd_unsupported(const Problem& p);

}  // namespace rnnbench
