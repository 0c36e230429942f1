#!/usr/bin/env python3
"""Draws the plots in docs/images from result files (matplotlib, SVG).

scripts/plots.py           draws them
scripts/plots.py --check   exits 1 where one was drawn from other results than those that are there
"""
import hashlib
import pathlib
import re
import sys

import tables

IMAGES = tables.TOP / "docs/images"
RESULTS = "reports/results/h200"
DTYPES = {"f32": "#0072b2", "tf32": "#009e73", "f16": "#d55e00"}  # of Okabe and Ito
WORDS = {"rnn_tanh": "RNN", "lstm": "LSTM", "lstm-bi": "LSTM both ways", "gru": "GRU", "gru-bi": "GRU both ways"}


def ratios(source):
    """[(problem without its format, format, times as fast as the best peer that is at least as accurate)]"""
    found = []
    for row, peers in tables.against_peers(source, "cuda:auto"):
        if best := tables.best_peer_s(row, peers):
            found.append((row["problem"].replace(f"_{row['dtype']}", ""), row["dtype"], best / float(row["median_s"])))
    return found


def title(problem):
    """gru_b16_t256_i1024_h1024_l1: "GRU, B 16, T 256, H 1024"."""
    cell, *rest = problem.split("_", 1) if not problem.startswith("rnn_") else problem.split("_", 2)[1:]
    name = WORDS.get(cell if cell in WORDS else "rnn_" + cell, cell)
    sizes = dict(re.findall(r"(?:^|_)([bthl])(\d+)", rest[0]))
    layers = f", L {sizes['l']}" if sizes.get("l", "1") != "1" else ""
    head = ", head" if "_head" in problem else ""
    return f"{name}, B {sizes['b']}, T {sizes['t']}, H {sizes['h']}{layers}{head}"


def headline(axes, sources):
    found = ratios(sources[0])
    problems = list(dict.fromkeys(problem for problem, _, _ in found))
    for k, (dtype, color) in enumerate(DTYPES.items()):
        by_problem = {problem: ratio for problem, d, ratio in found if d == dtype}
        places = [problems.index(problem) + 0.27 * (k - 1) for problem in by_problem]
        axes.barh(places, by_problem.values(), 0.25, color=color, label=dtype)
        for place, ratio in zip(places, by_problem.values()):
            axes.text(ratio + 0.05, place, f"{ratio:.1f}", va="center", fontsize=6)
    axes.set_yticks(range(len(problems)), [title(problem) for problem in problems], fontsize=8)
    axes.invert_yaxis()
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlabel("cuda:auto: times as fast as the best of cuDNN (at least as accurate)")


def deepbench(axes, sources):
    found = [one for source in sources for one in ratios(source)]
    for dtype, color in DTYPES.items():
        some = sorted(ratio for _, d, ratio in found if d == dtype)
        axes.plot([100 * k / (len(some) - 1) for k in range(len(some))], some, color=color, label=f"{dtype}, {len(some)} problems")
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_yscale("log", base=2)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("% of problems, sorted")
    axes.set_ylabel("cuda:auto: times as fast\nas the best of cuDNN")


PLOTS = {
    "headline": (headline, (8, 7), [f"{RESULTS}/headline/results.csv"]),
    "deepbench": (deepbench, (7, 3.5), [f"{RESULTS}/deepbench_{name}/results.csv"
                                        for name in ("training", "inference_server", "inference_device")]),
}


def digest(sources):
    """What a plot is of: changes with any of its results."""
    rows = [[sorted(row.items()) for row in tables.read(source)] for source in sources]
    return f"{', '.join(sources)}: sha256 {hashlib.sha256(repr(rows).encode()).hexdigest()}"


def draw(name):
    import matplotlib
    matplotlib.use("svg")
    from matplotlib import pyplot
    matplotlib.rcParams.update({"svg.hashsalt": "rnnbench", "svg.fonttype": "none", "font.family": "sans-serif"})
    function, size, sources = PLOTS[name]
    figure, axes = pyplot.subplots(figsize=size)
    function(axes, sources)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    IMAGES.mkdir(exist_ok=True)
    figure.savefig(IMAGES / f"{name}.svg", bbox_inches="tight", facecolor="white",
                   metadata={"Date": None, "Description": digest(sources)})


def main():
    if "--check" not in sys.argv:
        for name in PLOTS:
            draw(name)
        return 0
    stale = [name for name, (_, _, sources) in PLOTS.items()
             if not (IMAGES / f"{name}.svg").exists()
             or digest(sources) not in (IMAGES / f"{name}.svg").read_text()]
    if stale:
        print(f"docs/images: not of the results that are there: {', '.join(stale)}; run scripts/plots.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
