#!/usr/bin/env bash
# Results that were published at earlier commits, out of git's history into a store (docs/history.md).
#   scripts/collect_history.sh STORE RESULTS...
# RESULTS are folders such as reports/results/h200/headline; each of their results.json and results.json.gz that git knows is
# added under the revision that was measured; a run of changed sources under the commit that published it, which has those
# sources. What this rnnbench cannot read, an older format, is left out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ $# -ge 2 ] || { echo 'usage: scripts/collect_history.sh STORE RESULTS...' >&2; exit 2; }
program=${RNNBENCH:-build/rnnbench}
store=$1
shift
file=$(mktemp -d)
trap 'rm -rf "$file"' EXIT
for folder in "$@"; do
  for name in results.json results.json.gz; do
    for commit in $(git log --reverse --format=%H -- "$folder/$name"); do
      git show "$commit:$folder/$name" >"$file/$name" 2>/dev/null || continue  # removed there
      add() { "$program" history add "$file/$name" --store "$store" "$@" 2>&1; }
      said=$(add) || said=$(add --commit "$commit") || said="left out: ${said#*: }"
      echo "$folder at ${commit:0:9}: ${said#"$store/"}"
    done
  done
done
