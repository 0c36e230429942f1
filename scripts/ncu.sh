#!/usr/bin/env bash
# Nsight Compute on one bare call of each case, and on nothing else.
#   scripts/ncu.sh [options of ncu] -- [arguments of rnnbench]
#   scripts/ncu.sh --set full -o gru -- --scenario gru --impl fused --dtype f32
# RNNBENCH names another binary than build/rnnbench, NCU another ncu. Clocks and caches are left as they are, as rnnbench
# measures with them; options given here come later. docs/profiling.md.
set -euo pipefail
program=${RNNBENCH:-$(dirname "${BASH_SOURCE[0]}")/../build/rnnbench}
ncu=${NCU:-ncu}
options=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do options+=("$1") && shift; done
[ $# -gt 1 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
shift
command -v "$ncu" >/dev/null || { echo "ncu.sh: $ncu is missing: it comes with the CUDA Toolkit (nsight-compute), or set NCU" >&2; exit 2; }
exec "$ncu" --target-processes all --clock-control none --cache-control none \
  --nvtx --nvtx-include "rnnbench@profile/" "${options[@]}" "$program" --profile --quiet "$@"
