// A neighbour on the GPU, for tests of kernels that wait on each other: build/tests/busy_zoo.so.
#pragma once

namespace rnnbench::zoo {

/// That share of the SMs has nothing left for anybody else's shared memory for so long. Returns
/// when this is so: a cudaError_t. The library has it as "rnnbench_busy_zoo".
using Occupy = int (*)(double share, double seconds);
/// 0 when all are free again, cudaErrorNotReady while not: "rnnbench_busy_zoo_over".
using Over = int (*)();

}  // namespace rnnbench::zoo
