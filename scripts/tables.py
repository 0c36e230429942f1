#!/usr/bin/env python3
"""Puts tables of numbers from result files into documents; nobody types them.

A document says where a table comes from:

    <!-- from: reports/results/h200/gru_bidir/console.txt -->
    ```
    (replaced)
    ```
    <!-- end -->

"console.txt, problem 2" takes the second of the file's parts that blank lines divide; "compare.md, part 2"
does so too, and Markdown goes in as it is.

How many times as fast one implementation is as another, geometric means over the problems that both
passed, by two columns of a results.csv:

    <!-- ratio: reports/results/h200/step_grid/results.csv, cuda:fused over cuda:cublas (graph), dtype by batch -->
    (replaced)
    <!-- end -->

How many cases of a results.csv have which values of two columns; with "fastest", of those cases that were
the fastest of their problem:

    <!-- count: reports/results/h200/deepbench_training/results.csv, impl by outcome -->
    <!-- count: reports/results/h200/deepbench_training/results.csv, dtype by impl, fastest -->

Medians in microseconds of the same cases in several runs, a column each, named by their folders:

    <!-- runs: reports/results/h200-overhead: none1 default1 none2 default2 -->

How many times as fast an implementation is as the best of all peers, eager or as a graph, on each problem of a
results.csv: in its format, and among this and more accurate formats (f32, then tf32, then the others):

    <!-- peers: reports/results/h200/headline/results.csv, cuda:persistent -->

scripts/tables.py           rewrites README.md and docs/*.md
scripts/tables.py --check   exits 1 where one is not what its file says
"""
import csv
import gzip
import pathlib
import re
import statistics
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"<!-- from: ([^\s,]+)(, (?:problem|part) (\d+))? -->\n.*?<!-- end -->", re.S)

OPENER = re.compile(r"^<!-- *(?:from|ratio|count|runs|peers):", re.M)
RATIO = re.compile(r"<!-- ratio: ([^\s,]+), (\S+) over (\S+) \((\w+)\), (\w+) by (\w+) -->\n.*?<!-- end -->",
                   re.S)
COUNT = re.compile(r"<!-- count: ([^\s,]+), (\w+) by (\w+)(, fastest)? -->\n.*?<!-- end -->", re.S)
PEERS = re.compile(r"<!-- peers: ([^\s,]+), (\S+) -->\n.*?<!-- end -->", re.S)
ACCURATE = ["f32", "tf32"]  # in order; others are less so
RUNS = re.compile(r"<!-- runs: ([^\s:]+): ([^\n]+?) -->\n.*?<!-- end -->", re.S)


def block(match):
    source, which, number = match.groups()
    text = (TOP / source).read_text().rstrip("\n")
    if number:
        text = text.split("\n\n")[int(number) - 1]
    if not source.endswith(".md"):
        text = f"```\n{text}\n```"
    return f"<!-- from: {source}{which or ''} -->\n{text}\n<!-- end -->"


def read(source):
    """Rows of a results.csv."""
    packed = TOP / (source + ".gz")  # as scripts/publish.sh keeps large ones
    with gzip.open(packed, "rt", newline="") if packed.exists() else open(TOP / source, newline="") as file:
        return list(csv.DictReader(file))


def values(rows, column):
    """What a column has, in order: numbers by size, words as they come."""
    return sorted(dict.fromkeys(r[column] for r in rows),
                  key=lambda v: (0, float(v)) if v.isdigit() else (1, 0))


def markdown(match, lines):
    """The block whose first line match has, with a table whose first line is its head."""
    rows = ["| " + " | ".join(line) + " |" for line in lines]
    rows.insert(1, "|---" * len(lines[0]) + "|")
    return "\n".join([match.group(0).split("\n", 1)[0], *rows, "<!-- end -->"])


def speedups(source, impl, base, mode):
    """[(row of impl, median of base / median of impl)] of the problems that both passed."""
    rows = [r for r in read(source) if r["outcome"] == "passed" and r["mode"] == mode]
    of = {(r["problem"], r["cache"]): float(r["median_s"]) for r in rows if r["impl"] == base}
    found = [(r, of[r["problem"], r["cache"]] / float(r["median_s"]))
             for r in rows if r["impl"] == impl and (r["problem"], r["cache"]) in of]
    if not found:
        sys.exit(f"{source}: no problem that both {impl} and {base} passed as {mode}")
    return found


def ratio(match):
    source, impl, base, mode, down, across = match.groups()
    found = speedups(source, impl, base, mode)
    columns = values([r for r, _ in found], across)

    def line(title, chosen):
        cells = [[s for r, s in chosen if column in (None, r[across])] for column in [*columns, None]]
        return [title, *(f"{statistics.geometric_mean(c):.2f}" if c else "" for c in cells)]

    return markdown(match, [
        [down, *(f"{across} {c}" for c in columns), "all"],
        *(line(name, [(r, s) for r, s in found if r[down] == name])
          for name in dict.fromkeys(r[down] for r, _ in found)),
        line("all", found)])


def count(match):
    source, down, across, fastest = match.groups()
    cases = [r for r in read(source) if not r["derived"]]
    columns = values(cases, across)  # also those that were never the fastest
    counted = [r for r in cases if not fastest or r["fastest"] == "true"]

    def line(title, chosen):
        found = [r[across] for r in chosen]
        return [title, *(str(found.count(column)) for column in columns), str(len(found))]

    return markdown(match, [
        [down, *(f"{across} {c}" if c.isdigit() else c for c in columns), "all"],
        *(line(name, [r for r in counted if r[down] == name]) for name in values(cases, down)),
        line("all", counted)])


def runs(match):
    folder, names = match.group(1), match.group(2).split()
    found = [{(r["problem"], f"{r['impl']} ({r['mode']})"): r["median_s"] for r in read(f"{folder}/{n}/results.csv")
              if r["outcome"] == "passed" and not r["derived"]} for n in names]
    cases = [case for case in found[0] if all(case in run for run in found)]
    if not cases:
        sys.exit(f"{folder}: no case that passed in all of {' '.join(names)}")
    several = len({problem for problem, _ in cases}) > 1
    return markdown(match, [
        ["median, us", *names],
        *([f"{problem} {impl}" if several else impl, *(f"{1e6 * float(run[problem, impl]):.2f}" for run in found)]
          for problem, impl in cases)])


def peers(match):
    source, impl = match.groups()
    rows = [r for r in read(source) if r["outcome"] == "passed" and not r["derived"]]
    fastest = {}  # of each problem, apart from its format: {(dtype, whether a peer): row}
    for r in sorted(rows, key=lambda r: -float(r["median_s"])):
        if r["impl"] == impl or r["peer"] == "true":
            anyhow = re.sub(rf"_{r['dtype']}(?=_|$)", "", r["problem"])
            fastest.setdefault(anyhow, {})[r["dtype"], r["peer"] == "true"] = r

    def row(own, found):
        dtype = own["dtype"]
        as_good = [*ACCURATE[:ACCURATE.index(dtype)], dtype] if dtype in ACCURATE else [*ACCURATE, dtype]
        times = {d: float(found[d, True]["median_s"]) for d in as_good if (d, True) in found}
        own_s, same = float(own["median_s"]), times.get(dtype)
        return [own["problem"], f"{1e6 * own_s:.1f}",
                f"{1e6 * same:.1f} {found[dtype, True]['impl'].removeprefix('cuda:')}" if same else "none",
                f"{same / own_s:.2f}" if same else "", f"{min(times.values()) / own_s:.2f}" if times else ""]

    lines = [row(r, found) for found in fastest.values() for (_, peer), r in found.items() if not peer]
    if not lines:
        sys.exit(f"{source}: no problem that {impl} passed")
    order = list(dict.fromkeys(r["problem"] for r in rows))
    return markdown(match, [["problem", "us", "best peer, us", "times as fast", "as one at least as accurate"], *sorted(lines, key=lambda line: order.index(line[0]))])


def main():
    stale = []
    for document in [TOP / "README.md", *sorted((TOP / "docs").glob("*.md"))]:
        old = document.read_text()
        taken = [m.group(0) for pattern in (BLOCK, RATIO, COUNT, RUNS, PEERS) for m in pattern.finditer(old)]
        if len(taken) != len(OPENER.findall(old)) or any(len(OPENER.findall(t)) > 1 for t in taken):
            sys.exit(f"{document.relative_to(TOP)}: a table's first line is not as scripts/tables.py "
                     "wants it, or its <!-- end --> is missing")
        new = PEERS.sub(peers, RUNS.sub(runs, COUNT.sub(count, RATIO.sub(ratio, BLOCK.sub(block, old)))))
        if new == old:
            continue
        stale.append(str(document.relative_to(TOP)))
        if "--check" not in sys.argv:
            document.write_text(new)
    if "--check" in sys.argv and stale:
        print(f"not what the result files say: {', '.join(stale)}; run scripts/tables.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
