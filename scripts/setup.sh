#!/usr/bin/env bash
# Packages, the CUDA decision, configuring and building: what bench.sh and test.sh share.
#   scripts/setup.sh [test]     installs the packages of bench.sh, or of test.sh, and nothing else
# RNNBENCH_SETUP=skip installs nothing (an administrator did, or there is no network).
# shellcheck disable=SC2034  # its variables are used by those that source it

# All names are the same on Debian 12 and Ubuntu 24.04.
run_packages="g++ cmake ninja-build libbenchmark-dev libcli11-dev libfmt-dev nlohmann-json3-dev
  libtomlplusplus-dev libopenblas-pthread-dev libdnnl-dev libhwy-dev libjs-chart.js zlib1g-dev"
test_packages="git libgtest-dev python3 python3-numpy"
# Wanted by tests that skip themselves without it; not every distribution has it.
optional_test_packages="python3-torch chromium chromium-driver python3-selenium python3-scipy
  python3-matplotlib"

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build
jobs=$(nproc)

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }

# missing PACKAGE...: those that are not there. A tool counts wherever it came from.
missing() {
  local package
  for package in "$@"; do
    case $package in
      g++ | cmake | git | python3) command -v "$package" >/dev/null && continue ;;
      ninja-build) command -v ninja >/dev/null && continue ;;
    esac
    case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) in
      installed) ;;
      *) echo "$package" ;;
    esac
  done
}

# install_packages PACKAGE...: with apt, as root or through sudo; silent when all are there.
install_packages() {
  [ "${RNNBENCH_SETUP:-}" != skip ] || return 0
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    say "not Debian or Ubuntu, so nothing is installed; needed:" "$@"
    return 0
  fi
  local wanted as_root=()
  wanted=$(missing "$@" | xargs)
  [ -n "$wanted" ] || return 0
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      say "packages are missing, and this is neither root nor is there sudo. As root, run:"
      say "  apt-get update && apt-get install -y --no-install-recommends $wanted"
      exit 1
    fi
    as_root=(sudo)
  fi
  say "installing $wanted"
  local log
  log=$(mktemp)
  # shellcheck disable=SC2086  # a list of words
  if ! "${as_root[@]}" apt-get -q update >"$log" 2>&1 ||
    ! "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120 \
      install -y --no-install-recommends $wanted >>"$log" 2>&1; then
    tail -n 20 "$log" >&2
    say "apt-get failed; the log is $log"
    exit 1
  fi
  rm -f "$log"
}

install_run_packages() {
  # shellcheck disable=SC2086  # a list of words
  install_packages $run_packages
}

install_test_packages() {
  # shellcheck disable=SC2086
  install_packages $run_packages $test_packages
  local package
  for package in $optional_test_packages; do
    if [ -n "$(missing "$package")" ] && apt-cache show "$package" >/dev/null 2>&1; then
      install_packages "$package"
    fi
  done
}

find_nvcc() {
  if [ -n "${CUDACXX:-}" ]; then
    command -v "$CUDACXX"
  else
    command -v nvcc || { [ -x /usr/local/cuda/bin/nvcc ] && echo /usr/local/cuda/bin/nvcc; }
  fi
}

# The GPU that answers, as a CUDA architecture ("89"); fails when none does. Of CC 9.0 it is the one
# that has wgmma.
gpu_architecture() {
  local cc
  cc=$(timeout 20 nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null |
    head -n 1 | tr -d '. ')
  [ "$cc" != 90 ] || cc=90a
  [[ $cc =~ ^[0-9]+a?$ ]] && echo "$cc"
}

# cached NAME: its value in the build folder's cache; empty where there is none.
cached() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt" 2>/dev/null; }

# configure ARGUMENT...: a first time with Ninja where there is one, later as it was.
configure() {
  local generator=()
  if [ ! -f "$build/CMakeCache.txt" ]; then
    ! command -v ninja >/dev/null || generator=(-G Ninja)
  fi
  quietly cmake -S "$root" -B "$build" "${generator[@]}" "$@"
}

configured() { [ -f "$build/build.ninja" ] || [ -f "$build/Makefile" ]; }

# quietly COMMAND...: its output only if it fails.
quietly() {
  local log
  log=$(mktemp)
  if ! "$@" >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    say "failed: $*"
    exit 1
  fi
  rm -f "$log"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  set -euo pipefail
  case ${1:-} in
    '') install_run_packages ;;
    test) install_test_packages ;;
    *) say "expected nothing or 'test', found '$1'" && exit 2 ;;
  esac
fi
