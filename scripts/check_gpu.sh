#!/usr/bin/env bash
# Tests on a GPU what a machine without one cannot: builds if need be, runs every test labelled gpu, then the odd
# shapes under compute-sanitizer, a process and a time limit for each, and prints a line for each.
#   scripts/check_gpu.sh [SECONDS]      for each tool and shape; 60 without, 0 leaves the sanitizers out
# Exit code: 0 all passed; 1 a test failed or a tool found something. A tool that did not end is said, and no failure.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
seconds=${1:-60}
[[ $seconds =~ ^[0-9]+$ ]] || { echo 'usage: scripts/check_gpu.sh [SECONDS]' >&2; exit 2; }
gpu=$(gpu_architecture) || { say "no GPU answers (nvidia-smi)"; exit 1; }

tests=$build/tests/rnnbench_tests
if [ ! -x "$tests" ] || [ ! -f "$build/lib/rnnbench/cuda.so" ]; then
  install_test_packages
  configure -D RNNBENCH_TESTS=ON -D RNNBENCH_CUDA=ON -D CMAKE_CUDA_ARCHITECTURES="${CUDAARCHS:-$gpu}"
  cmake --build "$build" --parallel "$jobs"
fi
failed=0
(cd "$build" && ctest --output-on-failure -L gpu) || failed=1
[ "$seconds" -gt 0 ] || exit $failed
command -v compute-sanitizer >/dev/null || { say "compute-sanitizer is not on PATH: it comes with the CUDA toolkit"; exit 1; }

shapes=$("$tests" --gtest_list_tests --gtest_filter='*OddShape.*' |
  awk '/^[^ ]/ { suite = $1; next } /^ / { print suite $1 }')
[ -n "$shapes" ] || { say "no test of odd shapes is in $tests"; exit 1; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for tool in memcheck racecheck initcheck synccheck; do
  for shape in $shapes; do
    status=0
    timeout --kill-after=5 "$seconds" compute-sanitizer --tool $tool --error-exitcode 99 "$tests" \
      --gtest_filter="$shape" >"$log" 2>&1 || status=$?
    summary=$(grep -E 'SUMMARY|Internal Sanitizer Error' "$log" | tail -n 1 | sed 's/^=* *//') || true  # none where it did not end
    case $status in
      0) ;;
      124 | 137) summary="did not end within $seconds s" ;;
      *) failed=1 ;;
    esac
    printf '%-10s %-45s %s\n' "$tool" "$shape" "${summary:-exit code $status}"
  done
done
exit $failed
