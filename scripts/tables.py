#!/usr/bin/env python3
"""Puts tables of numbers from result files into documents; nobody types them.

A document says where a table comes from:

    <!-- from: reports/results/h200/gru_bidir/console.txt -->
    ```
    (replaced)
    ```
    <!-- end -->

"console.txt, problem 2" takes the second of the file's parts that blank lines divide.

scripts/tables.py           rewrites README.md and docs/*.md
scripts/tables.py --check   exits 1 where one is not what its file says
"""
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"<!-- from: ([^\s,]+)(, problem (\d+))? -->\n.*?<!-- end -->", re.S)


def block(match):
    source, which, number = match.groups()
    text = (TOP / source).read_text().rstrip("\n")
    if number:
        text = text.split("\n\n")[int(number) - 1]
    return f"<!-- from: {source}{which or ''} -->\n```\n{text}\n```\n<!-- end -->"


def main():
    stale = []
    for document in [TOP / "README.md", *sorted((TOP / "docs").glob("*.md"))]:
        old = document.read_text()
        new = BLOCK.sub(block, old)
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
