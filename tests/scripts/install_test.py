"""The installed prefix: it can be moved, needs no -dev package, and takes a user's plug-in.

Arguments: the build folder, then unittest's.
"""

import os
import re
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

from command import run

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(sys.argv.pop(1)).resolve()
CMAKE = os.environ.get("CMAKE_COMMAND", "cmake")
# Bare: nothing that this machine's user has set may help.
BARE = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
SYSTEM = re.compile(r"^(linux-vdso|ld-|/lib.*/ld-|lib(c|m|mvec|dl|rt|pthread|stdc\+\+|gcc_s)\.so)")


class Prefix(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = Path(tempfile.mkdtemp(prefix="install-", dir=BUILD))
        cls.addClassCleanup(shutil.rmtree, cls.scratch)
        run(CMAKE, "--install", BUILD, "--prefix", cls.scratch / "first")
        cls.prefix = cls.scratch / "moved"
        (cls.scratch / "first").rename(cls.prefix)

    def rnnbench(self, *arguments):
        return run(self.prefix / "bin/rnnbench", *arguments, env=BARE, cwd=self.scratch)

    def test_libraries_come_from_the_prefix_or_the_system(self):
        for binary in ("bin/rnnbench", "lib/rnnbench/cpu.so"):
            lines = run("ldd", self.prefix / binary, env=BARE).splitlines()
            outside = [line for line in map(str.strip, lines)
                       if not SYSTEM.match(line) and str(self.prefix) not in line]
            self.assertEqual(outside, [], binary)

    def test_finds_its_scenarios_from_anywhere(self):
        self.assertIn("gru_bidir", self.rnnbench("list", "scenarios"))

    def test_runs_a_smoke_scenario(self):
        out = self.rnnbench("--scenario", "smoke", "--impl", "cpu:naive", "--verify-only",
                            "--require-ran", "1", "--no-color")
        self.assertIn("cpu:naive", out)

    def test_takes_a_plugin_built_against_it(self):
        build = self.scratch / "example"
        run(CMAKE, "-S", ROOT / "examples/plugin", "-B", build,
            "-D", f"CMAKE_PREFIX_PATH={self.prefix}")
        run(CMAKE, "--build", build)
        out = self.rnnbench("--plugin", build / "example.so", "--impl", "cpu:example",
                            "--cell", "rnn_tanh", "--batch", "3", "--seq", "7", "--input", "5",
                            "--hidden", "33", "--require-ran", "1", "--no-color")
        self.assertRegex(out, r"cpu:example.*passed")


if __name__ == "__main__":
    unittest.main()
