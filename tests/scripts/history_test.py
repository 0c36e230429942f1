"""rnnbench history as a person types it, and the CI job's script in a repository of its own.

Arguments: the build folder, then unittest's.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from command import run

BUILD = Path(sys.argv.pop(1)).resolve()
PROGRAM = BUILD / "rnnbench"
ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "RNNBENCH_CACHE": str(BUILD / "tests/cache")}


def rnnbench(*arguments):
    return subprocess.run([str(PROGRAM), *map(str, arguments)], text=True, capture_output=True,
                          check=False, env=ENVIRONMENT)


class History(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        metrics = "callgrind" if shutil.which("valgrind") else "none"
        run(PROGRAM, "--cell", "rnn_tanh", "--batch", "1", "--seq", "20", "--hidden", "8", "--device", "cpu",
            "--impl", "naive", "--fresh-workers", "--min-time", "0.01", "--metrics", metrics, "--quiet",
            "--format", "json", "--out", cls.folder / "run", env=ENVIRONMENT)
        cls.result = json.loads((cls.folder / "run/results.json").read_text())

    def setUp(self):
        self.here = Path(tempfile.mkdtemp(dir=self.folder))

    def write(self, name, factor=1.0, state="clean"):
        """The run as if it had taken `factor` times 1 ms, steadily."""
        result = json.loads(json.dumps(self.result))
        case = result["rnnbench"]["cases"][0]
        seconds = [1e-3 * factor * (1 + k / 2000) for k in range(9)]
        case["samples"] = {"round": list(range(9)), "seconds": seconds, "wall_seconds": seconds}
        case["time"].update(median=seconds[4], ci_low=seconds[0], ci_high=seconds[8])
        for fact in result["rnnbench"]["environment"]["facts"]:
            if fact[0] == "git state":
                fact[1] = state
            if fact[0] == "git revision":
                fact[1] = "a" * 40
        file = self.here / name
        file.write_text(json.dumps(result))
        return file

    def test_add_check_html(self):
        store = self.here / "store"
        for place in range(6):
            done = rnnbench("history", "add", self.write("run.json"), "--store", store, "--commit", place)
            self.assertEqual(done.returncode, 0, done.stderr)
        done = rnnbench("history", "add", self.write("run.json"), "--store", store, "--commit", "3")
        self.assertRegex(done.stdout, r"history\.jsonl: 0 added, \d there already")
        same, slower = self.write("same.json"), self.write("slower.json", 1.05)
        for file, code, said in ((same, 0, "same"), (slower, 1, "1 slower")):
            done = rnnbench("history", "check", file, "--store", store, "--commit", "new")
            self.assertEqual(done.returncode, code, done.stdout + done.stderr)
            self.assertIn(said, done.stdout)
        done = rnnbench("history", "html", "--store", store, "--out", self.here / "page")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("over 6 commits", (self.here / "page/history.html").read_text())

    @unittest.skipUnless(shutil.which("valgrind"), "needs valgrind")
    def test_instructions_are_kept_a_step(self):
        store = self.here / "store"
        run(PROGRAM, "history", "add", self.write("run.json"), "--store", store, "--commit", "1")
        done = rnnbench("history", "add", self.write("run.json"), "--store", store, "--commit", "2")
        self.assertIn("1 unchanged since the commit before", done.stdout)
        lines = [json.loads(line) for line in (store / "history.jsonl").read_text().splitlines()]
        counted = [line for line in lines if line["measure"] == "instructions a step"]
        whole = self.result["rnnbench"]["cases"][0]["profile"]["region"]["callgrind"]
        self.assertEqual([line["value"] for line in counted], [whole / 20])

    def test_github_benchmark(self):
        listed = json.loads(run(PROGRAM, "history", "github", self.write("run.json")))
        self.assertAlmostEqual(listed[0]["value"], 1002, delta=1)
        self.assertEqual(listed[0]["unit"], "us")

    def test_mistakes_are_one_clear_line(self):
        store = self.here / "store"
        for arguments, said in (
                (["add", self.write("dirty.json", state="dirty"), "--store", store], "--commit"),
                (["add", self.here / "none.json", "--store", store], "none.json"),
                (["html", "--store", store], "no such folder"),
                (["check", self.write("run.json"), "--store", store], "no such folder"),
                (["add", self.write("run.json"), "--store", self.write("file")], "is no folder"),
                (["add", self.write("run.json"), "--store", store, "--time", "soon"], "ISO 8601"),
                (["html", "--store", self.here, "--commit-url", "javascript:alert({})"], "--commit-url"),
                (["check", self.write("run.json"), "--store", self.here, "--noise-floor", "x"], "--noise-floor"),
                (["check", self.write("run.json"), "--store", self.here, "--threshold", "x"], "percentage"),
                (["add", self.write("run.json"), "--store", store, "--resources", store / "no"], "--resources"),
                ([], "subcommand")):
            done = rnnbench("history", *arguments)
            self.assertEqual(done.returncode, 2, (arguments, done.stdout, done.stderr))
            self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
            self.assertIn(said, done.stderr)

    def test_the_job_adds_to_a_branch_and_fails_a_slower_pull_request(self):
        git = lambda *words, cwd: run("git", "-c", "user.name=x", "-c", "user.email=x@x", *words, cwd=cwd)
        run("git", "init", "--quiet", "--bare", self.here / "origin")
        clone = self.here / "clone"
        (clone / "scripts").mkdir(parents=True)
        (clone / "build").mkdir()
        shutil.copy(ROOT / "scripts/performance.sh", clone / "scripts")
        (clone / "build/rnnbench").symlink_to(PROGRAM)
        (clone / ".gitignore").write_text("/build\n/perf\n/results\n")
        git("init", "--quiet", "--initial-branch=main", cwd=clone)
        git("add", ".", cwd=clone)
        git("commit", "--quiet", "-m", "first", cwd=clone)
        git("remote", "add", "origin", self.here / "origin", cwd=clone)
        (clone / "results").mkdir()

        def job(factor, event, commit):
            shutil.rmtree(clone / "perf", ignore_errors=True)  # as a checkout cleans a clone that is kept
            shutil.copy(self.write("run.json", factor), clone / "results/results.json")
            return subprocess.run(["scripts/performance.sh", "results", event, "cpu", "--commit", commit], cwd=clone,
                                  text=True, capture_output=True, check=False,
                                  env={**ENVIRONMENT, "COMMIT_URL": "https://example.org/{}"})

        for commit in "abcde":
            done = job(1, "push", commit)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        kept = git("show", "performance:cpu/history.jsonl", cwd=self.here / "origin")
        times = [json.loads(line) for line in kept.splitlines() if '"measure":"time"' in line]
        self.assertEqual([line["commit"] for line in times], list("abcde"))
        self.assertIn("https://example.org/", git("show", "performance:cpu/history.html", cwd=self.here / "origin"))
        done = job(1.1, "pull_request", "f")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("**slower**", done.stdout)
        self.assertEqual(git("show", "performance:cpu/history.jsonl", cwd=self.here / "origin"), kept)
        self.assertEqual(job(1.1, "push", "g").returncode, 0)
        # Origin that does not answer is not origin without the branch.
        git("remote", "set-url", "origin", self.here / "away", cwd=clone)
        done = job(1, "pull_request", "h")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("run the job again", done.stderr)

    def test_two_jobs_that_push_at_once_both_keep_their_numbers(self):
        bare = {k: v for k, v in ENVIRONMENT.items() if not k.startswith("GIT_")}
        bare.update(HOME=str(self.here), GIT_CONFIG_NOSYSTEM="1")
        git = lambda *words, cwd: run("git", "-c", "user.name=x", "-c", "user.email=x@x", *words, cwd=cwd)
        run("git", "init", "--quiet", "--bare", self.here / "origin")
        clones = []
        for name in ("one", "two"):
            clone = self.here / name
            (clone / "scripts").mkdir(parents=True)
            (clone / "build").mkdir()
            shutil.copy(ROOT / "scripts/performance.sh", clone / "scripts")
            (clone / "build/rnnbench").symlink_to(PROGRAM)
            (clone / ".gitignore").write_text("/build\n/perf\n/results\n")
            git("init", "--quiet", "--initial-branch=main", cwd=clone)
            git("add", ".", cwd=clone)
            git("commit", "--quiet", "-m", "first", cwd=clone)
            git("remote", "add", "origin", self.here / "origin", cwd=clone)
            (clone / "results").mkdir()
            shutil.copy(self.write("run.json"), clone / "results/results.json")
            clones.append(clone)

        def job(clone, store, commit):
            done = subprocess.run(["scripts/performance.sh", "results", "push", store, "--commit", commit], cwd=clone,
                                  text=True, capture_output=True, check=False, env=bare)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

        job(clones[0], "cpu", "a")
        job(clones[1], "gpu", "a")  # has its checkout of the branch now
        job(clones[0], "cpu", "b")  # must take what the other pushed first
        job(clones[1], "gpu", "b")
        for store in ("cpu", "gpu"):
            kept = git("show", f"performance:{store}/history.jsonl", cwd=self.here / "origin")
            self.assertEqual(len([line for line in kept.splitlines() if '"measure":"time"' in line]), 2)


if __name__ == "__main__":
    unittest.main()
