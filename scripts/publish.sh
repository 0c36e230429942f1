#!/usr/bin/env bash
# Runs scenarios and keeps what they gave where the project publishes results.
#   scripts/publish.sh FOLDER "SCENARIO ..." [arguments of rnnbench]
# writes reports/results/FOLDER/SCENARIO/{results.json,results.csv,report.md,console.txt}.
# RNNBENCH names another binary than build/rnnbench.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[ $# -ge 2 ] || { echo 'usage: scripts/publish.sh FOLDER "SCENARIO ..." [arguments of rnnbench]' >&2; exit 2; }
cd "$top"  # so that the commands kept in the results name no folder of this machine
folder=reports/results/$1
scenarios=$2
shift 2
failed=0
for scenario in $scenarios; do
  out=$folder/$scenario
  mkdir -p "$out"
  "${RNNBENCH:-build/rnnbench}" --scenario "$scenario" --out "$out" --no-color "$@" \
    >"$out/console.txt" || failed=1
  rm -f "$out/journal.jsonl"
  grep -E '^[a-z]+:[a-z].* is fastest|^Nothing' "$out/console.txt" | sed "s|^|$scenario: |" || true
done
exit $failed
