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

With two columns, geometric means of the latter and the least of them (many problems):

    <!-- peers: reports/results/h200/deepbench_training/results.csv, cuda:auto, dtype by hidden -->

How an implementation's time grows along one column of a results.csv (graph replays, or where there are none direct
calls): median, what was chosen and share of the floor, for each format. Along seq also the straight line of least
squares, what a call costs and what a step costs, for each problem that is otherwise one:

    <!-- sweep: reports/results/h200/sweep_seq/results.csv, cuda:auto, seq -->

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

OPENER = re.compile(r"^<!-- *(?:from|ratio|count|runs|peers|sweep):", re.M)
RATIO = re.compile(r"<!-- ratio: ([^\s,]+), (\S+) over (\S+) \((\w+)\), (\w+) by (\w+) -->\n.*?<!-- end -->",
                   re.S)
COUNT = re.compile(r"<!-- count: ([^\s,]+), (\w+) by (\w+)(, fastest)? -->\n.*?<!-- end -->", re.S)
PEERS = re.compile(r"<!-- peers: ([^\s,]+), ([^\s,]+)(?:, (\w+) by (\w+))? -->\n.*?<!-- end -->", re.S)
SWEEP = re.compile(r"<!-- sweep: ([^\s,]+), (\S+), (\w+) -->\n.*?<!-- end -->", re.S)
AXIS_IN_ID = {"batch": "_b", "seq": "_t", "input": "_i", "hidden": "_h", "layers": "_l"}
# What a note calls a configuration, with what it predicts or, of cuda:cublas, the order of its calls.
CHOICE = re.compile(r"(?:^|: )((?!cuda:)[a-z][\w-]*-[\w-]+) \(predicted|, (layers|wavefront of \d+);")
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


def against_peers(source, impl):
    """Each problem that impl passed, as (its fastest row, the fastest row of impl and of peers in each format)."""
    every = [r for r in read(source) if not r["derived"]]
    for r in every:  # a mean over what is left would hide it
        if r["impl"] == impl and r["outcome"] in ("incorrect", "failed", "crashed", "timed out"):
            sys.exit(f"{source}: {impl} is {r['outcome']} on {r['problem']}: mend it, or publish no means")
    rows = [r for r in every if r["outcome"] == "passed"]
    fastest = {}  # of each problem, apart from its format: {(dtype, whether a peer): row}
    for r in sorted(rows, key=lambda r: -float(r["median_s"])):
        if r["impl"] == impl or r["peer"] == "true":
            anyhow = re.sub(rf"_{r['dtype']}(?=_|$)", "", r["problem"])
            fastest.setdefault((anyhow, r["cache"]), {})[r["dtype"], r["peer"] == "true"] = r
    order = list(dict.fromkeys(r["problem"] for r in rows))
    return sorted(((r, found) for found in fastest.values() for (_, peer), r in found.items() if not peer),
                  key=lambda one: order.index(one[0]["problem"]))


def peers(match):
    source, impl, down, across = match.groups()
    own = against_peers(source, impl)
    if not own:
        sys.exit(f"{source}: no problem that {impl} passed")
    if down:
        return peers_by(match, own, down, across)

    def row(r, found):
        own_s, same = float(r["median_s"]), found.get((r["dtype"], True))
        best = best_peer_s(r, found)
        return [r["problem"], f"{1e6 * own_s:.1f}",
                f"{1e6 * float(same['median_s']):.1f} {same['impl'].removeprefix('cuda:')}" if same else "none",
                f"{float(same['median_s']) / own_s:.2f}" if same else "", f"{best / own_s:.2f}" if best else ""]

    return markdown(match, [["problem", "us", "best peer, us", "times as fast", "as one at least as accurate"],
                            *(row(r, found) for r, found in own)])


def best_peer_s(row, found):
    """Seconds of the fastest peer in a row's format or a more accurate one; None where there is none."""
    dtype = row["dtype"]
    as_good = [*ACCURATE[:ACCURATE.index(dtype)], dtype] if dtype in ACCURATE else [*ACCURATE, dtype]
    return min((float(found[d, True]["median_s"]) for d in as_good if (d, True) in found), default=None)


def peers_by(match, own, down, across):
    """Geometric means of how many times as fast, by two columns; problems without a peer's time do not count."""
    ratios = [(r, best_peer_s(r, found) / float(r["median_s"])) for r, found in own if best_peer_s(r, found)]
    columns = values([r for r, _ in ratios], across)

    def line(title, chosen):
        cells = [[s for r, s in chosen if column in (None, r[across])] for column in [*columns, None]]
        row, least = min(chosen, key=lambda one: one[1])
        return [title, *(f"{statistics.geometric_mean(c):.2f}" if c else "" for c in cells), str(len(chosen)),
                f"{least:.2f} {row['problem']}"]

    return markdown(match, [
        [down, *(f"{across} {c}" for c in columns), "all", "problems", "the least"],
        *(line(name, [(r, s) for r, s in ratios if r[down] == name]) for name in dict.fromkeys(r[down] for r, _ in ratios)),
        line("all", ratios)])


def choice(row):
    """What was chosen for a case, in a word or two: "solo-s8", of cuda:auto "fused hoisted-1x8x128-w8-s7"."""
    found = CHOICE.search(row["note"])
    words = [row["config"], *(word for word in (found.groups() if found else ()) if word)]
    return " ".join(dict.fromkeys(word.split(" of ")[0] for word in words if word))


def line_of(points):
    """Microseconds of the start and of a step: "12.3 + 0.451 a step"; too few points make none."""
    if len(points) < 3:
        return ""
    slope, start = statistics.linear_regression(*zip(*points))
    return f"{start:.1f} {'-' if slope < 0 else '+'} {abs(slope):.3f} a step"


def sweep(match):
    source, impl, axis = match.groups()
    if axis not in AXIS_IN_ID:
        sys.exit(f"{source}: a sweep is along one of {', '.join(AXIS_IN_ID)}, not {axis}")
    rows = [r for r in read(source) if r["impl"] == impl and not r["derived"]]
    rows = [r for r in rows if r["mode"] == "graph"] or rows
    if not any(r["outcome"] == "passed" for r in rows):
        sys.exit(f"{source}: no problem that {impl} passed")
    found = {}  # {a problem but for format and axis: {its value: {format: row}}}
    for r in rows:
        name = re.sub(rf"_{r['dtype']}(?=_|$)", "", r["problem"])
        name = re.sub(rf"{AXIS_IN_ID[axis]}{r[axis]}(?=_|$)", "", name)
        if axis == "hidden" and r["input"] == r["hidden"]:  # as wide as the layer: grows with it
            name = re.sub(rf"_i{r['input']}(?=_|$)", "", name)
        formats = found.setdefault(name, {}).setdefault(int(r[axis]), {})
        if r["dtype"] in formats:
            sys.exit(f"{source}: {impl} has {r['problem']} twice")
        formats[r["dtype"]] = r
    dtypes = list(dict.fromkeys(r["dtype"] for r in rows))

    def cells(row):
        if row is None or row["outcome"] != "passed":
            return [row["outcome"] if row else "", "", ""]
        floor = f"{100 * float(row['floor_share']):.3g} %" if row["floor_share"] else ""
        return [f"{1e6 * float(row['median_s']):.1f}", choice(row), floor]

    lines = [["problem", axis, *(title for d in dtypes for title in (f"{d}, us", "by", "of floor"))]]
    lines += [[name, str(value), *(cell for d in dtypes for cell in cells(formats.get(d)))]
              for name, values_of in found.items() for value, formats in sorted(values_of.items())]
    if axis != "seq":
        return markdown(match, lines)
    fits = [[name, *(line_of([(value, 1e6 * float(formats[d]["median_s"])) for value, formats in values_of.items()
                              if d in formats and formats[d]["outcome"] == "passed"]) for d in dtypes)]
            for name, values_of in found.items()]
    fits = [fit for fit in fits if any(fit[1:])]
    if not fits:
        return markdown(match, lines)
    table = markdown(match, lines).removesuffix("<!-- end -->")
    below = markdown(match, [["least squares, us", *dtypes], *fits]).split("\n", 1)[1]
    return f"{table}\n{below}"


# Times, rates and speed-ups: in README.md they come from result files.
MEASURED = re.compile(r"\b\d+(?:\.\d+)? ?(?:ns|us|µs|ms|x|×|[kMGT]?FLOP/s|[MGT]B/s|times as (?:fast|slow))(?!\w)")
MADE = re.compile(r"<!-- (?:from|ratio|count|runs|peers|sweep): .*?<!-- end -->", re.S)


def typed_numbers(text):
    """Measured numbers that stand outside of what is made from result files."""
    return MEASURED.findall(MADE.sub("", text))


def main():
    stale = []
    if typed := typed_numbers((TOP / "README.md").read_text()):
        sys.exit(f"README.md: measured numbers that no result file says: {', '.join(typed)}; take them from one "
                 "(scripts/tables.py names the ways)")
    for document in [TOP / "README.md", *sorted((TOP / "docs").glob("*.md"))]:
        old = document.read_text()
        taken = [m.group(0) for pattern in (BLOCK, RATIO, COUNT, RUNS, PEERS, SWEEP)
                 for m in pattern.finditer(old)]
        if len(taken) != len(OPENER.findall(old)) or any(len(OPENER.findall(t)) > 1 for t in taken):
            sys.exit(f"{document.relative_to(TOP)}: a table's first line is not as scripts/tables.py "
                     "wants it, or its <!-- end --> is missing")
        new = SWEEP.sub(sweep, old)
        new = PEERS.sub(peers, RUNS.sub(runs, COUNT.sub(count, RATIO.sub(ratio, BLOCK.sub(block, new)))))
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
