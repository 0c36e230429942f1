"""A repository of its own for publish.sh to run in, and a stand-in for the program.

Arguments of a test that uses it: the build folder, then unittest's.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(sys.argv.pop(1)).resolve()
MACHINE = {"SETTINGS": "Release", "KIND": "H200"}  # where tests run: what was built, and on what
ONE, OTHER = "0123456789abcdef" * 2 + "01234567", "89abcdef" * 5
# The program, whatever was changed when it was built.
AS_COMMITTED = r"""#!/bin/sh
echo "$*" >>"$CALLS"
[ "$1" != --version ] || {{ printf 'git revision: %s\ngit state: clean\n' "$REVISION"; exit; }}
exec '{}' "$@"
"""
# Remembers how it was called. A variable named like the scenario says what becomes of it. Its journal
# is the build, the kind of machine, the arguments, then a line for each part of the run.
PROGRAM = r"""#!/usr/bin/env bash
if [ "$1" = --version ]; then
  printf 'version: 0.1.0\ngit revision: %s\ngit state: %s\n' "$REVISION" "$STATE"
  exit
fi
echo "$*" >>"$CALLS"
refuse() { echo "program: $1" >&2; exit 2; }
typed=$*
while [ $# -gt 0 ]; do
  case $1 in
    --scenario) name=${2##*/} name=${name%.toml} other=$1; shift ;;
    --out) out=$2; other=$1; shift ;;
    --resume) resume=$2; shift ;;
    --dry-run) dry=$1 ;;
    --quiet | --no-color) ;;
    *) other=$1 ;;
  esac
  shift
done
if [ -n "$resume" ]; then
  [ -z "$other" ] || refuse "--resume takes no $other"
  { read -r build; read -r kind; read -r typed; } <"$resume/journal.jsonl" || refuse "no journal"
  [ "$build" = "$REVISION $SETTINGS" ] || refuse "another build"
  [ "$kind" = "$KIND" ] || refuse "another kind of machine"
  name=${resume##*/} out=$(pwd -P)/$resume
fi
ending=${!name:-passes}
[ "$ending" != broken ] || { echo "no such device"; exit 2; }
[ -z "$dry" ] || exit 0
mkdir -p "$out"
if [ -z "$resume" ]; then
  [ ! -e "$out/journal.jsonl" ] || refuse "results of an earlier run"
  printf '%s\n' "$REVISION $SETTINGS" "$KIND" "$typed" >"$out/journal.jsonl"
fi
echo "a case" >>"$out/journal.jsonl"
line="rnnbench $typed"
cases=$(grep -c "a case" "$out/journal.jsonl")
if [ "$ending" = interrupted ]; then
  echo "$line" | tee "$out/results.json" "$out/.report.md.1234"
  exit 130
fi
[ "$ending" != crashes ] || exit 1
[ "$ending" != slow ] || exec sleep 30
if [ "$ending" = stubborn ]; then  # killed after the time, and not 20 s later
  trap 'sleep 0.1; kill -KILL $$' INT
  touch "$CALLS.waits"
  while :; do sleep 0.05; done
fi
cat >"$out/results.json" <<END
{"git revision": "$REVISION", "ending": "$ending", "cases": $cases, "command": "$line"}
END
echo "$line" | tee "$out/results.csv" "$out/report.md"
[ "$ending" != large ] || head -c "$BYTES" /dev/zero | tr '\0' ' ' | tee -a "$out"/results.* "$out"/metrics.json >/dev/null
echo "cuda:fused is fastest: 9.4 ms. 3 of 3 cases passed."
echo "Written: $out/results.json"
[ "$ending" != killed ] || kill -KILL $$
[ "$ending" = passes ] || [ "$ending" = large ]
"""


class PublishCase(unittest.TestCase):
    def setUp(self):
        scratch = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, scratch)
        self.stand_in(scratch / "top")
        (self.top / "scripts").mkdir(parents=True)
        shutil.copy(ROOT / "scripts/publish.sh", self.top / "scripts")
        self.tmp = scratch / "tmp"
        self.tmp.mkdir()
        self.elsewhere = scratch / "elsewhere"  # where it is called from must not matter
        self.elsewhere.mkdir()
        self.calls = scratch / "calls"
        self.program = scratch / "program"
        self.program.write_text(PROGRAM)
        self.program.chmod(0o755)

    def stand_in(self, top):
        """The repository that publish.sh finds itself in."""
        self.top = top
        self.folder = top / "reports/results/chip"
        self.partial = top / "reports/results/.partial"

    def move(self, top):
        self.top.rename(top)
        self.stand_in(top)

    def publish(self, *arguments, revision=ONE, state="clean", **env):
        """(exit code, output, lines of calls)"""
        self.calls.write_text("")
        done = subprocess.run(
            [self.top / "scripts/publish.sh", *arguments], cwd=self.elsewhere, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
            # A job in the background ignores SIGINT and so would its sleep, however it was cut off.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            env={"PATH": os.environ["PATH"], "TMPDIR": str(self.tmp), "CALLS": str(self.calls),
                 "RNNBENCH": str(self.program), "REVISION": revision, "STATE": state,
                 **MACHINE, **env})
        left = [*self.tmp.iterdir(), *(f for f in [self.partial, *self.partial.rglob("*")]
                                       if f.is_dir() and not any(f.iterdir()))]
        self.assertEqual(left, [], f"left behind\n{done.stdout}")
        return done.returncode, done.stdout, self.calls.read_text().splitlines()

    def kept(self):
        """Every published file and its text."""
        return {file.relative_to(self.folder).as_posix(): file.read_text()
                for file in self.folder.rglob("*") if file.is_file()}

    def cases(self):
        return json.loads(self.kept()["gru/results.json"])["cases"]

    def ran(self, calls):
        return [line.split()[1] for line in calls]

    def assert_names_only_where_it_is_kept(self):
        for name, text in self.kept().items():
            self.assertNotIn(".partial", text, name)
            self.assertNotIn(str(self.top.resolve()), text, name)
