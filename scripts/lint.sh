#!/usr/bin/env bash
# Form and frequent mistakes: clang-format over every C++ and CUDA file, clang-tidy over the
# host's, tests excepted (about 10 s a file).
#   scripts/lint.sh [format|tidy] [file.cpp...]     by default both, all files
# clang-tidy reads build/compile_commands.json, so scripts/test.sh (or any configuration) comes first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
what=all
case ${1:-} in format | tidy) what=$1 && shift ;; esac
named=("$@")

need() {
  command -v "$1" >/dev/null && return
  echo "lint.sh: $1 is missing: apt-get install $1" >&2
  exit 2
}

# files SUFFIX...: those named on the command line, else the project's, with git or without.
files() {
  if [ ${#named[@]} -gt 0 ]; then
    printf '%s\n' "${named[@]}"
    return
  fi
  local patterns=() suffix
  for suffix in "$@"; do patterns+=(-o -name "*.$suffix"); done
  find harness impls reports tests examples \( "${patterns[@]:1}" \) -type f | sort
}

if [ "$what" != tidy ]; then
  clang_format=$(command -v clang-format-14 || echo clang-format)
  need "$clang_format"
  files cpp hpp cu cuh | xargs "$clang_format" --dry-run -Werror
fi
if [ "$what" != format ]; then
  need clang-tidy
  if [ ! -f build/compile_commands.json ]; then
    echo "lint.sh: no build/compile_commands.json: run scripts/test.sh or cmake --preset default" >&2
    exit 2
  fi
  files cpp | grep -Ev '^(examples|tests)/' |
    xargs -n 1 -P "$(nproc)" clang-tidy -p build --quiet --warnings-as-errors='*'
fi
