#!/usr/bin/env bash
# Everything that CI checks: installs what is missing, builds all of it (the CUDA side too where a
# toolkit is found, for the GPU that answers or for two architectures), runs every test.
#   scripts/test.sh [arguments of ctest]            e.g. -R reference, -LE gpu
# RNNBENCH_CUDA=ON or OFF decides about the CUDA side; CUDAARCHS names its architectures.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"

install_test_packages

cuda=${RNNBENCH_CUDA:-}
if [ -z "$cuda" ]; then
  cuda=OFF
  ! find_nvcc >/dev/null || cuda=ON
fi
set_up=(-D RNNBENCH_TESTS=ON -D RNNBENCH_CUDA="$cuda")
if [ "$cuda" = ON ]; then
  # Without a GPU two: what wgmma needs, and a card that tests count registers for.
  architectures=$(gpu_architecture) || architectures='89-real;90a-real'
  set_up+=(-D CMAKE_CUDA_ARCHITECTURES="${CUDAARCHS:-$architectures}")
fi
say "configuring build/ (CUDA side $cuda)"
configure "${set_up[@]}"
cmake --build "$build" --parallel "$jobs"

if ! gpu_architecture >/dev/null; then
  say "no GPU answers (nvidia-smi): tests labelled gpu skip themselves"
fi
cd "$build" && exec ctest --output-on-failure --parallel "$jobs" "$@"
