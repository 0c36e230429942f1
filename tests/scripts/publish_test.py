"""What publish.sh keeps, where, and when it runs a scenario again; a stand-in is the program."""

import gzip
import json
import os
import subprocess
import unittest

from publish_fixture import BUILD, ONE, OTHER, PublishCase


class Publish(PublishCase):
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
        self.assertEqual([file.name for file in self.folder.glob("gru/results.csv*")],
                         ["results.csv.gz"])
        self.assertEqual([file.name for file in self.folder.glob("gru/metrics.json*")],
                         ["metrics.json.gz"])
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
