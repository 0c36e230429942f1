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

OPENER = re.compile(r"^<!-- *(?:from|ratio):", re.M)
RATIO = re.compile(r"<!-- ratio: ([^\s,]+), (\S+) over (\S+) \((\w+)\), (\w+) by (\w+) -->\n.*?<!-- end -->",
                   re.S)


def block(match):
    source, which, number = match.groups()
    text = (TOP / source).read_text().rstrip("\n")
    if number:
        text = text.split("\n\n")[int(number) - 1]
    if not source.endswith(".md"):
        text = f"```\n{text}\n```"
    return f"<!-- from: {source}{which or ''} -->\n{text}\n<!-- end -->"


def speedups(source, impl, base, mode):
    """[(row of impl, median of base / median of impl)] of the problems that both passed."""
    packed = TOP / (source + ".gz")  # as scripts/publish.sh keeps large ones
    with gzip.open(packed, "rt", newline="") if packed.exists() else open(TOP / source, newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["outcome"] == "passed" and r["mode"] == mode]
    of = {(r["problem"], r["cache"]): float(r["median_s"]) for r in rows if r["impl"] == base}
    found = [(r, of[r["problem"], r["cache"]] / float(r["median_s"]))
             for r in rows if r["impl"] == impl and (r["problem"], r["cache"]) in of]
    if not found:
        sys.exit(f"{source}: no problem that both {impl} and {base} passed as {mode}")
    return found


def ratio(match):
    source, impl, base, mode, down, across = match.groups()
    found = speedups(source, impl, base, mode)
    columns = list(dict.fromkeys(r[across] for r, _ in found))
    columns.sort(key=lambda c: (0, float(c)) if c.isdigit() else (1, 0))

    def line(title, chosen):
        cells = [[s for r, s in chosen if column in (None, r[across])] for column in [*columns, None]]
        return "| " + " | ".join(
            [title, *(f"{statistics.geometric_mean(c):.2f}" if c else "" for c in cells)]) + " |"

    text = [f"| {down} | " + " | ".join([*(f"{across} {c}" for c in columns), "all"]) + " |",
            "|---" * (len(columns) + 2) + "|"]
    for name in dict.fromkeys(r[down] for r, _ in found):
        text.append(line(name, [(r, s) for r, s in found if r[down] == name]))
    text.append(line("all", found))
    head = match.group(0).split("\n", 1)[0]
    return "\n".join([head, *text, "<!-- end -->"])


def main():
    stale = []
    for document in [TOP / "README.md", *sorted((TOP / "docs").glob("*.md"))]:
        old = document.read_text()
        taken = [m.group(0) for pattern in (BLOCK, RATIO) for m in pattern.finditer(old)]
        if len(taken) != len(OPENER.findall(old)) or any(len(OPENER.findall(t)) > 1 for t in taken):
            sys.exit(f"{document.relative_to(TOP)}: a table's first line is not as scripts/tables.py "
                     "wants it, or its <!-- end --> is missing")
        new = RATIO.sub(ratio, BLOCK.sub(block, old))
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
