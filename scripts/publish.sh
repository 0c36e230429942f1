#!/usr/bin/env bash
# Runs scenarios and keeps what they gave where the project publishes results.
#   scripts/publish.sh FOLDER "SCENARIO ..." [arguments of rnnbench]
# writes reports/results/FOLDER/SCENARIO/{results.json,metrics.json,results.csv,report.md,console.txt}; results
# of more than 1 MB with .gz after their names: thousands of samples as text do not belong into a repository.
# Beside them published.txt names revision and arguments, where no case was incorrect, failed, crashed or timed out.
# Goes on where an earlier call stopped: a scenario that passed, from this unchanged revision and with these
# arguments, is left as it is. One that was cut off is kept as far as it got, in reports/results/.partial, and
# goes on from there (rnnbench --resume), on another machine of the same kind too: build the same revision there and
# bring that folder along. With another revision, build, kind of machine or arguments it begins anew.
# In the end the documents' tables and plots are made anew (scripts/tables.py, scripts/plots.py).
# RNNBENCH names another binary than build/rnnbench; PUBLISH_SECONDS is how long to go on for.
# Exit code: 0 all passed; 1 one did not, or wrote no results; 3 the time was over, or it was interrupted.
set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
[ $# -ge 2 ] || { echo 'usage: scripts/publish.sh FOLDER "SCENARIO ..." [arguments of rnnbench]' >&2; exit 2; }
cd "$top"  # so that the commands kept in the results name no folder of this machine
program=${RNNBENCH:-build/rnnbench}
folder=reports/results/$1
partials=reports/results/.partial
unfinished=$partials/$1
scenarios=$2
shift 2
quiet=()
formats=(--format "console,json,csv,md")  # the page is more than a megabyte, and `rnnbench report` makes it again
for word; do
  [ "$word" != --quiet ] || quiet=(--quiet)
  [ "$word" != --format ] || formats=()
done
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

# begun FOLDER: this call would go on with what is there.
begun() {
  [ "$revision" != unknown ] && [ -f "$1/journal.jsonl" ] && grep -qxF "$revision $arguments" "$1/begun.txt"
}

# run ARGUMENTS: rnnbench into $part for as long as there is time; $status is its exit code.
run() {
  local left=$((end - SECONDS))
  status=124
  [ $left -gt 0 ] || return 0
  status=0
  timeout --foreground --signal=INT --kill-after=20 "$left" "$program" "$@" >"$part/console.txt" || status=$?
}

# What cannot be gone on with is removed, and so are folders that are empty then.
tidy() {
  [ -f "$part/journal.jsonl" ] || rm -rf "$part"
  find "$partials" -type d -empty -delete
}

twice=$(for scenario in $scenarios; do basename "$scenario" .toml; done | sort | uniq -d | head -1)
[ -z "$twice" ] || { echo "two scenarios would be kept in $folder/$twice: publish them apart" >&2; exit 2; }

for scenario in $scenarios; do
  name=$(basename "$scenario" .toml)  # as the results call a scenario that is given as a path
  out=$folder/$name
  part=$unfinished/$name
  arguments="--scenario $scenario $*"
  if passed "$out" 2>/dev/null; then
    echo "$scenario: there already, from $revision"
    continue
  fi
  [ $((end - SECONDS)) -gt 0 ] || { echo "$scenario: not begun: the time is over"; exit 3; }
  status=new
  if begun "$part" 2>/dev/null; then
    echo "$scenario: goes on from where it was cut off"
    rm -f "$part"/results.json*  # of a part: not to be taken for the whole
    run --resume "$part" --no-color "${quiet[@]}"
    # Refused: another build or kind of machine. But where nothing can run now, a GPU being away, it is left for later.
    if [ $status = 2 ] && "$program" --scenario "$scenario" "$@" --dry-run >/dev/null 2>&1; then status=new; fi
  fi
  if [ $status = new ]; then
    rm -rf "$part"
    mkdir -p "$part"
    echo "$revision $arguments" >"$part/begun.txt"
    run --scenario "$scenario" --out "$part" --no-color "${formats[@]}" "$@"
  fi
  # 137 with time left is no cut by the time: somebody else killed it, for its memory perhaps.
  if [ $status = 124 ] || [ $status = 130 ] || { [ $status = 137 ] && [ $SECONDS -ge $end ]; }; then
    echo "$scenario: cut off: the time is over, or it was interrupted"
    tidy
    exit 3
  fi
  if [ $status = 137 ] || [ ! -f "$part/results.json" ]; then
    cat "$part/console.txt" >&2
    [ $status != 137 ] || echo "$scenario: killed, with time left: out of memory?"
    tidy
    failed=1
    continue
  fi
  # The results name where they were written, in full where they went on; they are to name where they are kept.
  sed -i "s|$top/$part|$out|g; s|$part|$out|g" "$part"/*
  find "$part" \( -name '*.json' -o -name '*.csv' \) -size +1000000c -exec gzip -9n {} +
  rm -rf "$out" "$part"/.[!.]*  # hidden: half of a file, from when it was killed
  mkdir -p "$folder"
  mv "$part" "$out"
  rm -f "$out/journal.jsonl" "$out/begun.txt"
  tidy
  if [ $status = 0 ]; then echo "$revision $arguments" >"$out/published.txt"; else failed=1; fi
  grep -E '^[a-z]+:[a-z].* is fastest|^Nothing' "$out/console.txt" | sed "s|^|$scenario: |" || true
done
# What documents show of results follows them.
if [ -f scripts/tables.py ] && command -v python3 >/dev/null; then
  python3 scripts/tables.py || failed=1
  if python3 -c 'import matplotlib' 2>/dev/null; then
    python3 scripts/plots.py || failed=1
  else
    echo "plots in docs/images are as they were: python3 has no matplotlib (python3-matplotlib)"
  fi
fi
exit $failed
