"""Who may include whom. The table below is the rule; the tests apply it to every source file."""

import re
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUFFIXES = {".cpp", ".hpp", ".cu", ".cuh"}
# What an implementation, also one outside the project, sees of the harness.
INTERFACE = {f"harness/{name}.hpp" for name in ("cores", "device", "error", "exchange", "impl",
                                            "metrics", "problem", "tensor")}
PARSERS = re.compile(r"^(toml\+\+|nlohmann)/")


def includes(text):
    """[(name, quoted)] of every include directive."""
    found = re.findall(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', text, re.MULTILINE)
    return [(quoted or angled, bool(quoted)) for quoted, angled in found]


def own_includes(text):
    return [name for name, quoted in includes(text) if quoted]


def closure(start, read):
    """`start` and every project file it includes, directly or not. read(path): text or None."""
    seen, todo = set(), [start]
    while todo:
        path = todo.pop()
        text = read(path)
        if path in seen or text is None:
            continue
        seen.add(path)
        todo += own_includes(text)
    return seen


def violations(path, read):
    """Lines that say which include of `path` breaks a rule."""
    found = []

    def check(allowed, rule):
        found.extend(f"{path}: {name}: {rule}" for name in own_includes(read(path))
                     if not allowed(name))

    if path.startswith("impls/"):
        # impls/cuda/fused.cu may have a folder impls/cuda/fused/, whose files are its own.
        own = path.rsplit(".", 1)[0]
        if path.count("/") > 2:
            own = path.rsplit("/", 1)[0]
        # cuda:auto compares the others' predictions: it sees their planners, which are plain C++.
        planner = re.compile(r"impls/cuda/\w+/plan\.hpp" if own == "impls/cuda/auto" else r"(?!)")
        # cpu:fused and cpu:persistent are two plans for the same kernels and team.
        shared = ("impls/cpu/simd/",) if own in ("impls/cpu/fused", "impls/cpu/persistent") else ()
        check(lambda name: name in INTERFACE or name == own + ".hpp" or planner.fullmatch(name)
              or name.startswith(shared)
              or name.startswith(("impls/cells/", "impls/common/", own + "/")),
              "implementations see the interface, impls/cells, impls/common and their own folder")
    elif path.startswith("reports/"):
        results = set().union(*(closure(f"harness/{name}.hpp", read)
                                for name in ("result", "comparison", "history")))
        check(lambda name: name in results or name == "harness/error.hpp"
              or name.startswith("reports/"),
              "reports see results, comparisons and histories, and what these are made of")
    elif path.startswith("harness/") and not path.startswith("harness/main"):
        check(lambda name: not name.startswith(("impls/", "reports/")),
              "only main*.cpp knows implementations and reports")
    if path.endswith((".cu", ".cuh")):
        for reached in sorted(closure(path, read)):
            found += [f"{path}: {name} (through {reached}): no parsers in CUDA files"
                      for name, _ in includes(read(reached)) if PARSERS.match(name)]
    return found


def read_file(path):
    file = ROOT / path
    return file.read_text(encoding="utf-8") if file.is_file() else None


def sources():
    for folder in ("harness", "impls", "reports"):
        for file in sorted((ROOT / folder).rglob("*")):
            if file.suffix in SUFFIXES:
                yield file.relative_to(ROOT).as_posix()


class Project(unittest.TestCase):
    def test_every_file_keeps_to_its_layer(self):
        found = [line for path in sources() for line in violations(path, read_file)]
        self.assertEqual(found, [], "\n" + "\n".join(found))

    def test_interface_needs_nothing_but_itself(self):
        for header in sorted(INTERFACE):
            self.assertLessEqual(closure(header, read_file), INTERFACE, header)


class Rules(unittest.TestCase):
    """Each rule refuses what it is there for."""

    def check(self, path, text, **others):
        files = {path: text, **{name.replace("__", "/") + ".hpp": body
                                for name, body in others.items()}}
        return violations(path, files.get)

    def test_implementation_may_not_see_another_or_the_engine(self):
        self.assertEqual(self.check("impls/cpu/a.cpp", '#include "harness/impl.hpp"\n'
                                    '#include "impls/cells/gru.hpp"\n#include <vector>\n'), [])
        self.assertTrue(self.check("impls/cpu/a.cpp", '#include "impls/cpu/b.hpp"\n'))
        self.assertTrue(self.check("impls/cuda/a.cu", '  #  include "harness/verify.hpp"\n'))

    def test_implementation_sees_its_own_folder_only(self):
        self.assertEqual(self.check("impls/cuda/a.cu", '#include "impls/cuda/a/tile.cuh"\n'), [])
        self.assertEqual(self.check("impls/cuda/a/b.cuh", '#include "impls/cuda/a/tile.cuh"\n'), [])
        self.assertTrue(self.check("impls/cuda/b.cu", '#include "impls/cuda/a/tile.cuh"\n'))
        self.assertTrue(self.check("impls/cuda/a/b.cuh", '#include "impls/cuda/c/tile.cuh"\n'))

    def test_reports_see_results_only(self):
        result = '#include "harness/problem.hpp"\n'
        self.assertEqual(self.check("reports/csv.cpp", '#include "harness/problem.hpp"\n',
                                    harness__result=result, harness__problem=""), [])
        self.assertTrue(self.check("reports/csv.cpp", '#include "harness/worker.hpp"\n',
                                   harness__result=result))

    def test_harness_sees_neither(self):
        self.assertTrue(self.check("harness/run.cpp", '#include "reports/csv.hpp"\n'))
        self.assertEqual(self.check("harness/main.cpp", '#include "reports/csv.hpp"\n'), [])

    def test_no_parser_reaches_a_cuda_file(self):
        self.assertTrue(self.check("impls/cuda/a.cu", '#include "harness/impl.hpp"\n',
                                   harness__impl="#include <nlohmann/json.hpp>\n"))


if __name__ == "__main__":
    unittest.main()
