#!/usr/bin/env bash
# Runs scenarios and keeps what they gave where the project publishes results.
#   scripts/publish.sh FOLDER "SCENARIO ..." [arguments of rnnbench]
# writes reports/results/FOLDER/SCENARIO/{results.json,results.csv,report.md,console.txt}; results of
# more than 1 MB as results.json.gz: thousands of samples as text do not belong into a repository.
# Goes on where an earlier call stopped: a scenario that passed, from this unchanged revision and with these
# arguments, is left as it is. RNNBENCH names another binary than build/rnnbench; PUBLISH_SECONDS is
# how long to go on for: a scenario that it cuts off is not kept.
# Exit code: 0 all passed; 1 one did not, or wrote no results; 3 the time was over, or it was interrupted.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[ $# -ge 2 ] || { echo 'usage: scripts/publish.sh FOLDER "SCENARIO ..." [arguments of rnnbench]' >&2; exit 2; }
cd "$top"  # so that the commands kept in the results name no folder of this machine
program=${RNNBENCH:-build/rnnbench}
folder=reports/results/$1
scenarios=$2
shift 2
version=$("$program" --version)
revision=$(sed -n 's/^git revision: //p' <<<"$version")
! grep -q '^git state: dirty' <<<"$version" || revision=unknown
end=$((SECONDS + ${PUBLISH_SECONDS:-1000000}))
failed=0

# passed FOLDER: what is there is what this call would make.
passed() {
  [ "$revision" != unknown ] && grep -qxF "$revision $arguments" "$1/published.txt" &&
    gzip -cdf "$1"/results.json* | grep -F "\"$revision\"" >/dev/null  # -q would break gzip's pipe
}

for scenario in $scenarios; do
  name=$(basename "$scenario" .toml)  # as the results call a scenario that is given as a path
  out=$folder/$name
  arguments="--scenario $scenario $*"
  if passed "$out" 2>/dev/null; then
    echo "$scenario: there already, from $revision"
    continue
  fi
  left=$((end - SECONDS))
  [ $left -gt 0 ] || { echo "$scenario: not begun: the time is over"; exit 3; }
  new=$(mktemp -d)
  status=0
  timeout --foreground --signal=INT --kill-after=20 "$left" "$program" --scenario "$scenario" \
    --out "$new/$name" --no-color "$@" >"$new/console.txt" || status=$?
  # 137 with time left is no cut by the time: somebody else killed it, for its memory perhaps.
  if [ $status = 124 ] || [ $status = 130 ] || { [ $status = 137 ] && [ $SECONDS -ge $end ]; }; then
    echo "$scenario: cut off: the time is over, or it was interrupted"
    rm -rf "$new"
    exit 3
  fi
  if [ $status = 137 ] || [ ! -f "$new/$name/results.json" ]; then
    cat "$new/console.txt" >&2
    [ $status != 137 ] || echo "$scenario: killed, with time left: out of memory?"
    rm -rf "$new"
    failed=1
    continue
  fi
  rm -rf "$out" "$new/$name/journal.jsonl"
  mkdir -p "$folder"
  # The results name where they were written; they are to name where they are kept.
  sed -i "s|$new/$name|$out|g" "$new/$name"/* "$new/console.txt"
  find "$new/$name/results.json" -size +1000000c -exec gzip -9n {} +
  mv "$new/$name" "$out"
  mv "$new/console.txt" "$out/console.txt"
  rm -rf "$new"
  if [ $status = 0 ]; then echo "$revision $arguments" >"$out/published.txt"; else failed=1; fi
  grep -E '^[a-z]+:[a-z].* is fastest|^Nothing' "$out/console.txt" | sed "s|^|$scenario: |" || true
done
exit $failed
