"""What a build says of its sources: the revision, and whether they are those of it."""

import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from command import run

ROOT = Path(__file__).resolve().parents[2]
CMAKE = os.environ.get("CMAKE_COMMAND", "cmake")


@unittest.skipUnless(shutil.which("git"), "there is no git")
class Revision(unittest.TestCase):
    def setUp(self):
        self.scratch = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.scratch)
        self.tree = self.scratch / "tree"
        for name in (".gitignore", "impls/cpu/naive.cpp", "reports/csv.cpp"):
            self.write(name)
        self.git("init", "-q")
        self.git("add", ".")
        self.git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "all")

    def write(self, name, text="*.o\n"):
        file = self.tree / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def git(self, *words):
        return run("git", *words, cwd=self.tree).strip()

    def said(self, **env):
        template, out = self.scratch / "in", self.scratch / "out"
        template.write_text("${git_revision} ${git_state}")
        kept = {key: value for key, value in os.environ.items() if key != "RNNBENCH_GIT_REVISION"}
        run(CMAKE, "-D", f"source={self.tree}", "-D", f"in={template}", "-D", f"out={out}", "-P",
            ROOT / "cmake/version.cmake", env={**kept, **env})
        return out.read_text().strip()

    def test_a_tree_is_clean_as_long_as_it_is_what_is_built(self):
        clean = self.git("rev-parse", "HEAD") + " clean"
        self.assertEqual(self.said(), clean)
        for name in ("reports/results/chip/gru/results.json", "impls/cpu/left.o", "notes.txt"):
            self.write(name)  # none is built
            self.assertEqual(self.said(), clean, name)

    def test_changed_and_new_sources_are_not_the_revision(self):
        for name in ("impls/cpu/naive.cpp", "impls/cpu/mine.cpp", "reports/mine.cpp"):
            self.write(name, "changed")
            self.assertRegex(self.said(), " dirty$", name)
            if subprocess.run(["git", "checkout", "-q", name], cwd=self.tree, check=False,
                              stderr=subprocess.DEVNULL).returncode:
                (self.tree / name).unlink()
            self.assertRegex(self.said(), " clean$", name)

    def test_a_copy_says_what_it_is_told(self):
        self.assertEqual(self.said(RNNBENCH_GIT_REVISION="abc"), "abc as stated when it was built")
        shutil.rmtree(self.tree / ".git")
        self.assertEqual(self.said(), "unknown unknown")


if __name__ == "__main__":
    unittest.main()
