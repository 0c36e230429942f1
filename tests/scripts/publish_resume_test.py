"""What publish.sh cuts off, it goes on with."""

import json
import os
import signal
import subprocess
import time
import unittest
from pathlib import Path

from publish_fixture import AS_COMMITTED, BUILD, MACHINE, ONE, OTHER, PublishCase

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


class PublishResumes(PublishCase):
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
        waits = Path(f"{self.calls}.waits")
        for seconds in (1, 3, 9, 27):  # a busy machine may take some to begin in
            said = self.cut_off("stubborn", PUBLISH_SECONDS=str(seconds))
            if waits.exists():
                break
            self.assertRegex(said, r"gru: (cut off|not begun)")
        self.assertTrue(waits.exists(), "the program had no time to begin")
        self.assertIn("gru: cut off", said)
        self.goes_on()

    def test_goes_on_when_all_of_it_was_killed_at_once(self):
        journal = self.partial / "chip/gru/journal.jsonl"
        with subprocess.Popen(
                [self.top / "scripts/publish.sh", "chip", "gru", "--graph"], start_new_session=True,
                env={"PATH": os.environ["PATH"], "CALLS": str(self.calls), **MACHINE,
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

    def test_another_build_of_the_revision_or_kind_of_machine_begins_anew(self):
        for other in ({"SETTINGS": "Debug"}, {"KIND": "H100"}):
            self.interrupted("--graph", "--seed=" + "".join(other))
            self.assertIn("--dry-run",
                          self.begins_anew("--graph", "--seed=" + "".join(other), **other)[-1])

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

    def cut_off_the_program(self):
        """(what publish.sh is called with, its environment, cases of the journal that it leaves)"""
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
            journal = self.partial / "chip/many/journal.jsonl"
            if journal.is_file():
                before = [json.loads(line) for line in journal.read_text().splitlines()[1:]]
        self.assertLess(len(before), 12)
        return arguments, env, before

    def finish_the_program(self, arguments, env, before):
        """The run as published; what the journal had of it stands."""
        code, out, calls = self.publish(*arguments, **env)
        self.assertEqual(code, 0, out)
        self.assertEqual(calls[1:], ["--resume reports/results/.partial/chip/many --no-color"])
        run = json.loads(self.kept()["many/results.json"])["rnnbench"]
        self.assertEqual([case["problem"]["batch"] for case in run["cases"]], list(range(1, 13)))
        self.assertEqual({case["outcome"] for case in run["cases"]}, {"passed"})
        for old, new in zip(before, run["cases"]):  # with all their samples
            self.assertTrue(old.items() <= new.items(), f"{old['problem']} was measured again")
        self.assert_names_only_where_it_is_kept()
        return run

    def test_the_program_measures_every_case_once(self):
        run = self.finish_the_program(*self.cut_off_the_program())
        self.assertNotIn("machines", run["warning"])
        self.assertFalse(run["interrupted"])
        self.assertIn(" --out reports/results/chip/many --no-color --format console,json,csv,md --device cpu ",
                      run["command"])
        self.assertIn("Written: reports/results/chip/many/", self.kept()["many/console.txt"])

    def test_the_program_goes_on_on_another_machine(self):
        arguments, env, before = self.cut_off_the_program()
        file = self.partial / "chip/many/journal.jsonl"
        here = before[0]["machine"]
        self.assertEqual(here, os.uname().nodename)
        for case in before:
            case["machine"] = "another"
        header = file.read_text().splitlines()[0]
        file.write_text("".join(f"{line}\n" for line in [header, *map(json.dumps, before)]))
        old = self.top.resolve()
        self.move(self.top.with_name("there"))  # where the project may lie in another folder
        run = self.finish_the_program(arguments, env, before)
        self.assertEqual([case["machine"] for case in run["cases"]],
                         ["another"] * len(before) + [here] * (12 - len(before)))
        self.assertIn("the cases come from 2 machines of one kind", run["warning"])
        for name, text in self.kept().items():
            self.assertNotIn(str(old), text, name)


if __name__ == "__main__":
    unittest.main()
