"""What publish.sh keeps, where, and when it runs a scenario again; a stand-in is the program.

Arguments: the build folder (whose program the stand-in is held against), then unittest's.
"""

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(sys.argv.pop(1)).resolve()
ONE, OTHER = "0123456789abcdef" * 2 + "01234567", "89abcdef" * 5
# 12 cases of a fifth of a second.
MANY = """
title = "Many"
shows = "Nothing."
[problem]
cell = "rnn_tanh"
hidden = 32
seq = 50
[sweep]
batch = "1:12:1"
[protocol]
repetitions = 3
min_time = 0.2
"""
# The program, whatever was changed when it was built.
AS_COMMITTED = r"""#!/bin/sh
echo "$*" >>"$CALLS"
[ "$1" != --version ] || {{ printf 'git revision: %s\ngit state: clean\n' "$REVISION"; exit; }}
exec '{}' "$@"
"""
# Remembers how it was called. A variable named like the scenario says what becomes of it. Its journal
# is the build, the arguments, then a line for each part of the run.
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
  { read -r build; read -r typed; } <"$resume/journal.jsonl" || refuse "no journal"
  [ "$build" = "$REVISION $LINKED" ] || refuse "another build"
  name=${resume##*/} out=$(pwd -P)/$resume
fi
ending=${!name:-passes}
[ "$ending" != broken ] || { echo "no such device"; exit 2; }
[ -z "$dry" ] || exit 0
mkdir -p "$out"
if [ -z "$resume" ]; then
  [ ! -e "$out/journal.jsonl" ] || refuse "results of an earlier run"
  printf '%s\n' "$REVISION $LINKED" "$typed" >"$out/journal.jsonl"
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
[ "$ending" != stubborn ] || { trap "" INT; sleep 1.1; kill -KILL $$; }
cat >"$out/results.json" <<END
{"git revision": "$REVISION", "ending": "$ending", "cases": $cases, "command": "$line"}
END
[ "$ending" != large ] || { head -c "$BYTES" /dev/zero | tr '\0' ' '; } >>"$out/results.json"
echo "$line" | tee "$out/results.csv" "$out/report.md"
echo "cuda:fused is fastest: 9.4 ms. 3 of 3 cases passed."
echo "Written: $out/results.json"
[ "$ending" != killed ] || kill -KILL $$
[ "$ending" = passes ] || [ "$ending" = large ]
"""


class Publish(unittest.TestCase):
    def setUp(self):
        scratch = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, scratch)
        self.top = scratch / "top"  # the repository that publish.sh finds itself in
        (self.top / "scripts").mkdir(parents=True)
        shutil.copy(ROOT / "scripts/publish.sh", self.top / "scripts")
        self.folder = self.top / "reports/results/chip"
        self.partial = self.top / "reports/results/.partial"
        self.tmp = scratch / "tmp"
        self.tmp.mkdir()
        self.elsewhere = scratch / "elsewhere"  # where it is called from must not matter
        self.elsewhere.mkdir()
        self.calls = scratch / "calls"
        self.program = scratch / "program"
        self.program.write_text(PROGRAM)
        self.program.chmod(0o755)

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
                 "LINKED": "today", **env})
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

    def test_the_stand_in_answers_like_the_program(self):
        said = subprocess.run([BUILD / "rnnbench", "--version"], text=True, check=True,
                              stdout=subprocess.PIPE).stdout
        self.assertRegex(said, r"(?m)^git revision: (?:[0-9a-f]{40}|unknown)$")
        self.assertRegex(said, r"(?m)^git state: ")
        for program in (BUILD / "rnnbench", self.program):
            for more in ([], ["--graph"]):
                done = subprocess.run([program, "--resume", "/nowhere", *more], check=False,
                                      env={**os.environ, "CALLS": str(self.calls)},
                                      stderr=subprocess.DEVNULL)
                self.assertEqual(done.returncode, 2, f"{program} {more}")

    def test_publishes_what_was_written_but_the_journal(self):
        code, out, calls = self.publish("chip", "gru lstm", "--device", "cuda")
        self.assertEqual(code, 0, out)
        self.assertEqual(self.ran(calls), ["gru", "lstm"])
        self.assertRegex(calls[0], r" --no-color .*--device cuda$")
        self.assertIn("gru: cuda:fused is fastest: 9.4 ms.", out)
        files = {"results.json", "results.csv", "report.md", "console.txt", "published.txt"}
        self.assertEqual(set(self.kept()), {f"{s}/{f}" for s in ("gru", "lstm") for f in files})

    def assert_names_only_where_it_is_kept(self):
        for name, text in self.kept().items():
            self.assertNotIn(".partial", text, name)
            self.assertNotIn(str(self.top.resolve()), text, name)

    def test_what_is_kept_names_the_folder_that_it_is_kept_in(self):
        self.publish("chip", "gru")
        self.assert_names_only_where_it_is_kept()
        for name, text in self.kept().items():
            if name != "gru/published.txt":
                self.assertIn("reports/results/chip/gru", text, name)

    def test_a_scenario_given_as_a_path_is_kept_under_its_name(self):
        code, out, _ = self.publish("chip", "scenarios/gru.toml lstm")
        self.assertEqual(code, 0, out)
        self.assertEqual({name.split("/")[0] for name in self.kept()}, {"gru", "lstm"})
        self.assertIn("--out reports/results/chip/gru ", self.kept()["gru/report.md"])

    def test_large_results_are_packed_and_count_as_there(self):
        for size, name in ((900_000, "results.json"), (1_000_001, "results.json.gz")):
            with self.subTest(name):
                large = {"gru": "large", "BYTES": str(size)}
                code, out, _ = self.publish("chip", "gru", f"--seed={size}", **large)
                self.assertEqual(code, 0, out)
                self.assertEqual([file.name for file in self.folder.glob("gru/results.json*")],
                                 [name])
                code, out, calls = self.publish("chip", "gru", f"--seed={size}", **large)
                self.assertEqual((code, calls), (0, []), out)
        packed = (self.folder / "gru/results.json.gz").read_bytes()
        self.assertEqual(packed[3:8], bytes(5))  # neither name nor time of the file
        text = gzip.decompress(packed).decode()
        self.assertIn("--out reports/results/chip/gru ", text)
        # Of another revision than its mark says.
        (self.folder / "gru/results.json.gz").write_bytes(
            gzip.compress(text.replace(ONE, OTHER).encode()))
        self.assertEqual(len(self.publish("chip", "gru", "--seed=1000001")[2]), 1)
        self.assertEqual([file.name for file in self.folder.glob("gru/results.json*")],
                         ["results.json"])

    def test_what_passed_is_left_as_it_is(self):
        self.publish("chip", "gru", "--graph")
        before = self.kept()
        code, out, calls = self.publish("chip", "gru lstm", "--graph")
        self.assertEqual(code, 0, out)
        self.assertIn(f"gru: there already, from {ONE}", out)
        self.assertEqual(self.ran(calls), ["lstm"])
        self.assertEqual({name: self.kept()[name] for name in before}, before)

    def test_other_arguments_run_it_again(self):
        self.publish("chip", "gru", "--graph")
        for arguments in (["--graph", "--quick"], [], ["--quick"]):
            self.assertEqual(len(self.publish("chip", "gru", *arguments)[2]), 1, arguments)
        self.assertIn("--quick", self.kept()["gru/report.md"])

    def test_another_revision_runs_it_again(self):
        self.publish("chip", "gru")
        self.assertEqual(len(self.publish("chip", "gru", revision=OTHER)[2]), 1)
        self.assertIn(OTHER, self.kept()["gru/results.json"])
        self.assertEqual(self.publish("chip", "gru", revision=OTHER)[2], [])

    def test_results_of_another_revision_are_not_taken_by_their_mark_alone(self):
        self.publish("chip", "gru")
        (self.folder / "gru/results.json").write_text(f'{{"git revision": "{OTHER}"}}')
        self.assertEqual(len(self.publish("chip", "gru")[2]), 1)

    def test_changed_or_unknown_sources_are_never_taken_as_published(self):
        for revision, state in ((ONE, "dirty"), ("unknown", "unknown")):
            for _ in range(2):
                code, _, calls = self.publish("chip", "gru", revision=revision, state=state)
                self.assertEqual((code, len(calls)), (0, 1), state)
            self.assertEqual(len(self.publish("chip", "gru")[2]), 1, state)

    def test_a_failure_is_told_and_kept_and_the_next_one_runs(self):
        self.publish("chip", "gru")
        code, out, calls = self.publish("chip", "gru lstm", "--graph", gru="incorrect")
        self.assertEqual(code, 1, out)
        self.assertEqual(self.ran(calls), ["gru", "lstm"])
        self.assertIn("incorrect", self.kept()["gru/results.json"])
        self.assertNotIn("gru/published.txt", self.kept())
        self.assertNotIn("gru/journal.jsonl", self.kept())
        code, out, calls = self.publish("chip", "gru lstm", "--graph")  # and is no reason to rest
        self.assertEqual((code, self.ran(calls)), (0, ["gru"]), out)

    def test_a_failure_without_results_is_shown_and_changes_nothing(self):
        self.publish("chip", "gru")
        before = self.kept()
        code, out, calls = self.publish("chip", "gru lstm", "--graph", gru="broken")
        self.assertEqual(code, 1, out)
        self.assertIn("no such device", out)
        self.assertEqual(self.ran(calls), ["gru", "lstm"])
        self.assertEqual({name: self.kept()[name] for name in before}, before)

    def test_what_was_killed_with_time_left_failed_and_the_next_one_runs(self):
        self.publish("chip", "gru")
        before = self.kept()
        for seconds in ("", "100"):
            code, out, calls = self.publish("chip", "gru lstm", f"--seed=1{seconds}", gru="killed",
                                            **({"PUBLISH_SECONDS": seconds} if seconds else {}))
            self.assertEqual(code, 1, out)
            self.assertIn("gru: killed", out)
            self.assertEqual(self.ran(calls), ["gru", "lstm"])
            self.assertEqual({name: self.kept()[name] for name in before}, before)

    def cut_off(self, ending, **env):
        """Output of a call that gets no further than to gru, where there are results of before."""
        self.publish("chip", "gru lstm")
        before = self.kept()
        code, out, calls = self.publish("chip", "gru lstm", "--graph", gru=ending, **env)
        self.assertEqual(code, 3, out)
        self.assertNotIn("lstm", self.ran(calls))
        self.assertEqual(self.kept(), before)
        return out

    def goes_on(self, *arguments, cases=2, **env):
        """The next call resumes gru, which is then as if it had never been cut off."""
        code, out, calls = self.publish("chip", "gru", "--graph", *arguments, **env)
        self.assertEqual(code, 0, out)
        self.assertEqual(calls, [" ".join(["--resume reports/results/.partial/chip/gru --no-color",
                                           *arguments])])
        self.assertEqual(self.cases(), cases)
        self.assertFalse(self.partial.exists())
        self.assertEqual({name for name in self.kept() if name.startswith("gru/")},
                         {f"gru/{f}" for f in ("results.json", "results.csv", "report.md",
                                               "console.txt", "published.txt")})
        self.assert_names_only_where_it_is_kept()
        self.assertIn("--out reports/results/chip/gru ", self.kept()["gru/report.md"])

    def interrupted(self, *arguments, **env):
        code, out, _ = self.publish("chip", "gru", *arguments, gru="interrupted", **env)
        self.assertEqual(code, 3, out)
        self.assertTrue((self.partial / "chip/gru/journal.jsonl").is_file(), out)

    def begins_anew(self, *arguments, **env):
        code, out, calls = self.publish("chip", "gru", *arguments, **env)
        self.assertEqual(code, 0, out)
        self.assertEqual(self.ran(calls[-1:]), ["gru"])
        self.assertEqual(self.cases(), 1)
        self.assertFalse(self.partial.exists())
        return calls[:-1]

    def test_what_was_interrupted_goes_on(self):
        self.assertIn("gru: cut off", self.cut_off("interrupted"))
        self.goes_on()
        self.assertEqual(self.publish("chip", "gru", "--graph")[2], [])

    def test_goes_on_as_often_as_it_takes_and_as_quietly(self):
        for _ in range(3):
            self.interrupted("--graph", "--quiet")
        self.goes_on("--quiet", cases=4)

    def test_what_is_killed_after_the_time_goes_on(self):
        said = self.cut_off("stubborn", PUBLISH_SECONDS="1")
        self.assertRegex(said, r"gru: (cut off|not begun)")
        if "cut off" in said:
            self.goes_on()

    def test_goes_on_when_all_of_it_was_killed_at_once(self):
        journal = self.partial / "chip/gru/journal.jsonl"
        with subprocess.Popen(
                [self.top / "scripts/publish.sh", "chip", "gru", "--graph"], start_new_session=True,
                env={"PATH": os.environ["PATH"], "CALLS": str(self.calls), "LINKED": "today",
                     "RNNBENCH": str(self.program), "REVISION": ONE, "gru": "slow"}) as running:
            while not journal.is_file() or "a case" not in journal.read_text():
                self.assertIsNone(running.poll())
                time.sleep(0.02)
            os.killpg(running.pid, signal.SIGKILL)
        self.goes_on()

    def test_without_time_what_was_cut_off_waits(self):
        self.interrupted("--graph")
        code, out, calls = self.publish("chip", "gru", "--graph", PUBLISH_SECONDS="0")
        self.assertEqual((code, calls), (3, []), out)
        self.goes_on()

    def test_names_no_folder_of_this_machine_when_called_through_a_link(self):
        self.top.with_name("link").symlink_to(self.top)
        self.top = self.top.with_name("link")
        self.interrupted("--graph")
        self.goes_on()

    def test_other_arguments_begin_anew(self):
        self.interrupted("--graph")
        self.assertEqual(self.begins_anew("--graph", "--quick"), [])

    def test_another_revision_begins_anew(self):
        self.interrupted("--graph")
        self.assertEqual(self.begins_anew("--graph", revision=OTHER), [])

    def test_changed_or_unknown_sources_begin_anew(self):
        dirty, unknown = {"state": "dirty"}, {"revision": "unknown", "state": "unknown"}
        for part, whole in (({}, dirty), (dirty, dirty), (unknown, unknown)):
            self.interrupted("--graph", **part)
            self.assertEqual(self.begins_anew("--graph", **whole), [])

    def test_another_build_of_the_revision_begins_anew(self):
        self.interrupted("--graph")
        self.assertIn("--dry-run", self.begins_anew("--graph", LINKED="tomorrow")[-1])

    def test_a_part_without_a_journal_begins_anew(self):
        self.interrupted("--graph")
        (self.partial / "chip/gru/journal.jsonl").unlink()
        self.assertEqual(self.begins_anew("--graph"), [])

    def test_where_nothing_can_run_what_was_cut_off_waits(self):
        self.cut_off("interrupted")
        before = self.kept()
        code, out, calls = self.publish("chip", "gru lstm", "--graph", gru="broken")
        self.assertEqual(code, 1, out)
        self.assertEqual(self.ran(calls[-1:]), ["lstm"])
        self.assertEqual(self.kept()["gru/results.json"], before["gru/results.json"])
        self.goes_on()

    def test_results_of_a_part_are_not_taken_for_the_whole(self):
        for ending in ("crashes", "killed"):
            self.cut_off("interrupted")
            before = self.kept()["gru/results.json"]
            code, out, _ = self.publish("chip", "gru", "--graph", gru=ending)
            self.assertEqual(code, 1, out)
            self.assertEqual(self.kept()["gru/results.json"], before)
            self.goes_on(cases=3)

    def test_a_failure_found_after_going_on_is_kept_as_one(self):
        self.interrupted("--graph")
        code, out, _ = self.publish("chip", "gru", "--graph", gru="incorrect")
        self.assertEqual(code, 1, out)
        self.assertEqual(self.cases(), 2)
        self.assertNotIn("gru/published.txt", self.kept())
        self.assertFalse(self.partial.exists())
        self.begins_anew("--graph")

    def test_other_parts_are_left_alone(self):
        for scenario in ("gru", "lstm"):
            self.publish("chip", scenario, **{scenario: "interrupted"})
        self.publish("chip", "gru")
        self.assertEqual([f.name for f in self.partial.glob("*/*")], ["lstm"])

    def test_without_time_nothing_begins_but_what_is_there_counts(self):
        self.assertIn("gru: not begun", self.cut_off("passes", PUBLISH_SECONDS="0"))
        code, out, calls = self.publish("chip", "gru lstm", PUBLISH_SECONDS="0")
        self.assertEqual((code, calls), (0, []), out)

    def test_the_program_measures_every_case_once(self):
        env = {"RNNBENCH_CACHE": os.environ.get("RNNBENCH_CACHE", str(BUILD / "tests/cache"))}
        # So that no ceilings are left to be measured, which takes longer than the time below.
        subprocess.run([BUILD / "rnnbench", "doctor"], env={**os.environ, **env}, check=True,
                       stdout=subprocess.DEVNULL)
        self.program.write_text(AS_COMMITTED.format(BUILD / "rnnbench"))
        many = self.elsewhere / "many.toml"
        many.write_text(MANY)
        arguments = ["chip", many, "--device", "cpu", "--impl", "cpu:naive"]
        before = []
        while not before:  # on a busy machine, twice
            code, out, _ = self.publish(*arguments, PUBLISH_SECONDS="2", **env)
            self.assertEqual(code, 3, out)
            journal = (self.partial / "chip/many/journal.jsonl").read_text()
            before = [json.loads(line) for line in journal.splitlines()[1:]]
        self.assertLess(len(before), 12)
        code, out, calls = self.publish(*arguments, **env)
        self.assertEqual(code, 0, out)
        self.assertEqual(calls[1:], ["--resume reports/results/.partial/chip/many --no-color"])
        run = json.loads(self.kept()["many/results.json"])["rnnbench"]
        self.assertEqual([case["problem"]["batch"] for case in run["cases"]], list(range(1, 13)))
        self.assertEqual({case["outcome"] for case in run["cases"]}, {"passed"})
        for old, new in zip(before, run["cases"]):  # with all their samples
            self.assertTrue(old.items() <= new.items(), f"{old['problem']} was measured again")
        self.assertFalse(run["interrupted"])
        self.assertIn(" --out reports/results/chip/many --no-color --device cpu ", run["command"])
        self.assertIn("Written: reports/results/chip/many/", self.kept()["many/console.txt"])
        self.assert_names_only_where_it_is_kept()

    def test_missing_arguments_are_answered_in_one_line(self):
        for arguments in ([], ["chip"]):
            code, out, calls = self.publish(*arguments)
            self.assertEqual((code, calls), (2, []), out)
            self.assertRegex(out, r"^usage: [^\n]*\n$")

    def test_two_scenarios_of_one_name_are_refused_before_any_runs(self):
        code, out, calls = self.publish("chip", "gru mine/gru.toml")
        self.assertEqual((code, calls), (2, []), out)
        self.assertRegex(out, r"^two scenarios would be kept in \S+/chip/gru: [^\n]*\n$")


if __name__ == "__main__":
    unittest.main()
