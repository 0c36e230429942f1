#!/usr/bin/env bash
# From a bare machine to results: installs what is missing, builds, runs.
#   scripts/bench.sh [arguments of rnnbench]        by default: --scenario gru_bidir
# The CUDA side is built where a GPU answers and there is a toolkit; RNNBENCH_CUDA=ON or OFF decides
# otherwise. CUDAARCHS names the architectures (default: the GPU's).
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
[ $# -gt 0 ] || set -- --scenario gru_bidir

install_run_packages

cuda=${RNNBENCH_CUDA:-}
if [ -z "$cuda" ]; then
  cuda=OFF
  if [ -e /dev/nvidia0 ] || nvidia-smi -L >/dev/null 2>&1; then
    if find_nvcc >/dev/null; then
      cuda=ON
    else
      say "there is a GPU, but no nvcc: only cpu: implementations are built (put nvcc on PATH)"
    fi
  fi
fi

# A build folder that test.sh configured is used as it is: it builds a superset.
if ! configured; then
  set_up=(-D RNNBENCH_TESTS=OFF -D RNNBENCH_CUDA="$cuda")
elif [ "$cuda" = ON ] && [ "$(cached RNNBENCH_CUDA)" != ON ]; then
  set_up=(-D RNNBENCH_CUDA=ON)
else
  set_up=()
fi
if [ ${#set_up[@]} -gt 0 ]; then
  if [ "$cuda" = ON ] && architectures=${CUDAARCHS:-$(gpu_architecture)}; then
    set_up+=(-D CMAKE_CUDA_ARCHITECTURES="$architectures")
  fi
  say "configuring build/ (CUDA side $cuda)"
  configure "${set_up[@]}"
fi

targets=(rnnbench rnnbench_cpu)
[ "$cuda" != ON ] || targets+=(rnnbench_cuda)
cmake --build "$build" --parallel "$jobs" --target "${targets[@]}" >&2
exec "$build/rnnbench" "$@"
