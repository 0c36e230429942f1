#!/usr/bin/env bash
# Holds a run against the commits before it and, on main, adds it to them and pushes the store.
#   scripts/performance.sh RESULTS EVENT NAME [arguments of rnnbench history add]
# RESULTS is the folder of a run, EVENT push or pull_request, NAME what the store's folder is called. The store is the
# branch `performance` of origin, made when there is none; COMMIT_URL is the address of a commit, {} its hash.
# PERFORMANCE_PUSH=no leaves the branch as it is, for trying it by hand.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ $# -ge 3 ] || { echo 'usage: scripts/performance.sh RESULTS EVENT NAME [arguments of history add]' >&2; exit 2; }
results=$1/results.json check=$1/check.md event=$2 store=perf/$3
shift 3
program=build/rnnbench
export GIT_AUTHOR_NAME=rnnbench GIT_AUTHOR_EMAIL=rnnbench@localhost
export GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL  # a rebase asks for it too

if [ ! -d perf ]; then
  git worktree prune  # a runner that keeps its clone may have removed the folder alone
  there=0
  git ls-remote --exit-code --quiet origin refs/heads/performance >/dev/null || there=$?
  case $there in
    0)
      git fetch --quiet origin performance
      git worktree add --quiet perf FETCH_HEAD
      ;;
    2) # no such branch; anything else is no answer, and no reason to begin anew
      git worktree add --quiet --detach perf
      git -C perf checkout --quiet --orphan performance
      git -C perf rm -rfq .
      ;;
    *)
      echo "performance.sh: origin did not say whether it has a branch performance: run the job again" >&2
      exit 1
      ;;
  esac
fi
mkdir -p "$store"

# A pull request fails where it is slower; on main the number is kept, whatever it is.
verdict=0
"$program" history check "$results" "$@" --store "$store" --format md >"$check" || verdict=$?
cat "$check"
[ -z "${GITHUB_STEP_SUMMARY:-}" ] || cat "$check" >>"$GITHUB_STEP_SUMMARY"
[ $verdict -le 1 ] || exit $verdict
[ "$event" = push ] || exit $verdict

"$program" history add "$results" "$@" --store "$store"
"$program" history html --store "$store" ${COMMIT_URL:+--commit-url "$COMMIT_URL"}
[ "${PERFORMANCE_PUSH:-yes}" = yes ] || exit 0
git -C perf add --all
! git -C perf diff --cached --quiet || exit 0
git -C perf commit --quiet --message "$(git rev-parse HEAD)"
for _ in 1 2 3; do  # another job may have pushed meanwhile: the stores are separate files
  ! git -C perf push --quiet origin HEAD:refs/heads/performance || exit 0
  git -C perf pull --quiet --rebase origin performance
done
echo "performance.sh: others pushed to the branch performance three times meanwhile: run the job again" >&2
exit 1
