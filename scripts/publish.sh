#!/usr/bin/env bash
# Runs scenarios and keeps what they gave where the project publishes results.
#   scripts/publish.sh FOLDER "SCENARIO ..." [arguments of rnnbench]
# writes reports/results/FOLDER/SCENARIO/{results.json,results.csv,report.md,console.txt}.
# Goes on where an earlier call stopped: a scenario that is there from this revision is left as it is.
# RNNBENCH names another binary than build/rnnbench; PUBLISH_SECONDS is how long to go on for: a
# scenario that it cuts off is not kept, and the exit code is 3 while there is more to do.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[ $# -ge 2 ] || { echo 'usage: scripts/publish.sh FOLDER "SCENARIO ..." [arguments of rnnbench]' >&2; exit 2; }
cd "$top"  # so that the commands kept in the results name no folder of this machine
program=${RNNBENCH:-build/rnnbench}
folder=reports/results/$1
scenarios=$2
shift 2
revision=$("$program" --version | sed -n 's/^git revision: //p')
end=$((SECONDS + ${PUBLISH_SECONDS:-1000000}))
failed=0
for scenario in $scenarios; do
  out=$folder/$scenario
  if [ -f "$out/results.json" ] && grep -qF "\"$revision\"" "$out/results.json"; then
    echo "$scenario: there already, from $revision"
    continue
  fi
  left=$((end - SECONDS))
  [ $left -gt 0 ] || { echo "$scenario: not begun: the time is over"; exit 3; }
  new=$(mktemp -d)
  status=0
  timeout --signal=INT --kill-after=20 "$left" "$program" --scenario "$scenario" \
    --out "$new/$scenario" --no-color "$@" >"$new/console.txt" || status=$?
  if [ $status = 124 ] || [ $status = 130 ] || [ $status = 137 ]; then
    echo "$scenario: cut off: the time is over"
    rm -rf "$new"
    exit 3
  fi
  if [ ! -f "$new/$scenario/results.json" ]; then
    cat "$new/console.txt" >&2
    rm -rf "$new"
    exit 1
  fi
  [ $status = 0 ] || failed=1
  rm -rf "$out" "$new/$scenario/journal.jsonl"
  mkdir -p "$folder"
  # The results name where they were written; they are to name where they are kept.
  sed -i "s|$new/$scenario|$out|g" "$new/$scenario"/* "$new/console.txt"
  mv "$new/$scenario" "$out"
  mv "$new/console.txt" "$out/console.txt"
  rm -rf "$new"
  grep -E '^[a-z]+:[a-z].* is fastest|^Nothing' "$out/console.txt" | sed "s|^|$scenario: |" || true
done
exit $failed
