"""What must not be in any file of the project: one machine's paths, marks of unfinished work."""

import re
import subprocess
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Joined here, so that this file does not match itself.
MACHINE_PATH = re.compile(r"(?<![\w.>$})-])/(?:" + "|".join(("work", "home", "root", "farm", "Users"))
                          + r")/[\w.-]+")
UNFINISHED = re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME")) + r")\b")


def findings(name, text):
    return [f"{name}:{number}: {match.group(0)}"
            for number, line in enumerate(text.splitlines(), 1)
            for pattern in (MACHINE_PATH, UNFINISHED)
            for match in pattern.finditer(line)]


def project_files():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        names = listed.stdout.decode().split("\0")[:-1]
    else:  # an unpacked archive
        names = [file.relative_to(ROOT).as_posix() for file in ROOT.rglob("*")]
        names = [name for name in names if not name.startswith(("build", "results/", "."))]
    return [name for name in names if (ROOT / name).is_file()]


class Hygiene(unittest.TestCase):
    def test_project_files(self):
        found = []
        for name in project_files():
            try:
                text = (ROOT / name).read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue
            found += findings(name, text)
        self.assertEqual(found, [], "\n" + "\n".join(found))

    def test_finds_what_it_looks_for(self):
        for text in ("see /" + "home/someone/x", '"/' + 'work/main"', "// TO" + "DO: later"):
            self.assertEqual(len(findings("x", text)), 1, text)
        for text in ("https://example.org/home/page", "$ORIGIN/../lib", "/tmp/rnnbench", "/usr/bin"):
            self.assertEqual(findings("x", text), [], text)


if __name__ == "__main__":
    unittest.main()
