// Launches recorded once and replayed as one graph.
#pragma once

#include <algorithm>
#include <exception>
#include <string>

#include "impls/common/cuda_check.cuh"

namespace rnnbench {

class CudaGraph {
 public:
  /// Records what `calls` launches on `stream`, and on streams forked from it and joined again.
  /// Throws Error naming the call that cannot be recorded.
  template <class Calls>
  CudaGraph(cudaStream_t stream, const Calls& calls) {
    RNNBENCH_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
    try {
      calls();
    } catch (const std::exception& failure) {
      (void)cudaStreamEndCapture(stream, &graph_);
      release();
      throw Error(std::string("cannot be recorded as a graph: ") + failure.what());
    }
    const cudaError_t ended = cudaStreamEndCapture(stream, &graph_);
    const cudaError_t made =
        ended == cudaSuccess ? cudaGraphInstantiate(&executable_, graph_, 0) : ended;
    if (made == cudaSuccess) {
      (void)cudaGraphGetNodes(graph_, nullptr, &nodes_);
      (void)cudaGraphUpload(executable_, stream);  // else the first launch pays for it
      return;
    }
    release();
    throw Error(std::string("cannot be recorded as a graph: ") +
                (ended == cudaSuccess ? "" : "a call broke the capture of its stream: ") +
                cudaGetErrorString(made));
  }
  CudaGraph(const CudaGraph&) = delete;
  CudaGraph& operator=(const CudaGraph&) = delete;
  ~CudaGraph() { release(); }

  void launch(cudaStream_t stream) { RNNBENCH_CUDA(cudaGraphLaunch(executable_, stream)); }
  std::size_t nodes() const { return nodes_; }

 private:
  void release() {
    if (executable_) (void)cudaGraphExecDestroy(executable_);
    if (graph_) (void)cudaGraphDestroy(graph_);
    executable_ = nullptr, graph_ = nullptr;
    (void)cudaGetLastError();
  }

  cudaGraph_t graph_ = nullptr;
  cudaGraphExec_t executable_ = nullptr;
  std::size_t nodes_ = 0;
};

/// Least time of one of `count` equal calls, replayed in a row: short kernels are over before the
/// host can launch the next. For make: waits.
template <class Call>
double seconds_as_graph(cudaStream_t stream, int count, const Call& call) {
  call(0);  // loads the kernels, which a capture may not
  CudaGraph graph(stream, [&] {
    for (int i = 0; i < count; ++i) call(i);
  });
  CudaEvent start, stop;
  double least = 1e30;
  for (int round = 0; round < 4; ++round) {
    RNNBENCH_CUDA(cudaEventRecord(start, stream));
    graph.launch(stream);
    RNNBENCH_CUDA(cudaEventRecord(stop, stream));
    RNNBENCH_CUDA(cudaEventSynchronize(stop));
    if (round > 0) least = std::min(least, seconds_between(start, stop));
  }
  return least / count;
}

}  // namespace rnnbench
