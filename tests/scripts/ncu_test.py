"""What scripts/ncu.sh asks Nsight Compute for; a program of ours stands in for it."""
import os
import pathlib
import subprocess
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parent.parent.parent


class Ncu(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.ncu = pathlib.Path(folder.name) / "ncu"
        self.ncu.write_text('#!/bin/sh\nfor word; do echo "$word"; done\nexit 7\n')
        self.ncu.chmod(0o755)

    def run_script(self, *arguments, **environment):
        return subprocess.run([TOP / "scripts/ncu.sh", *arguments], capture_output=True, text=True,
                              env={**os.environ, "RNNBENCH": "prog", **environment}, check=False)

    def test_profiles_the_bare_call_of_each_case_alone(self):
        done = self.run_script("--set", "full", "--", "--scenario", "a b", "--impl", "fused",
                               NCU=str(self.ncu))
        self.assertEqual(done.returncode, 7)  # the tool's own exit code
        words = done.stdout.splitlines()
        self.assertEqual(words[words.index("--nvtx-include") + 1], "rnnbench@profile/")
        self.assertEqual(words[words.index("prog"):],
                         ["prog", "--profile", "--quiet", "--scenario", "a b", "--impl", "fused"])
        self.assertEqual(words[words.index("prog") - 2:words.index("prog")], ["--set", "full"])
        for option in ("--clock-control", "--cache-control"):
            self.assertEqual(words[words.index(option) + 1], "none")

    def test_says_what_is_missing(self):
        for arguments in ([], ["--set", "full"], ["--"]):
            done = self.run_script(*arguments, NCU=str(self.ncu))
            self.assertEqual(done.returncode, 2)
            self.assertIn("scripts/ncu.sh [options of ncu] -- ", done.stderr)
        done = self.run_script("--", "--scenario", "gru", NCU="/no/ncu")
        self.assertEqual(done.returncode, 2)
        self.assertIn("/no/ncu is missing", done.stderr)


if __name__ == "__main__":
    unittest.main()
