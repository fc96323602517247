#!/usr/bin/env python3
"""Checks the documents: `make documents`.

A line of a document is at most 120 characters long, so that a change can be read line by line. Tables, fenced
code, lines that are a single link, and what `make bench` writes cannot be broken and are exempt.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LONGEST = 120
ELSEWHERE = ("findings/",)  # not wrapped yet
FENCE = re.compile(r"\s*(```|~~~)")
LINK = re.compile(r"\s*(?:[-*] |\d+\. )?(?:!?\[.*\]\(\S+\)|\[[^]]+\]: \S+|<?https?://\S+)[.,;:]?\s*")
GENERATED = re.compile(r"<!-- \w+: (begin|end)\b")


def too_long(text):
    """Numbers and lengths of the lines that are too long."""
    fenced = generated = False
    for number, line in enumerate(text.splitlines(), start=1):
        if FENCE.match(line):
            fenced = not fenced
        elif mark := GENERATED.match(line):
            generated = mark[1] == "begin"
        elif len(line) > LONGEST and not (
            fenced or generated or line.lstrip().startswith("|") or LINK.fullmatch(line)
        ):
            yield number, len(line)


def documents():
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    names = (name for name in listed.split("\0") if name and not name.startswith(ELSEWHERE))
    return sorted(name for name in names if (ROOT / name).exists())


def main():
    problems = [
        f"{name}:{number}: {length} characters, at most {LONGEST} are allowed"
        for name in documents()
        for number, length in too_long((ROOT / name).read_text(encoding="utf-8"))
    ]
    if problems:
        sys.exit("\n".join(problems))


if __name__ == "__main__":
    main()
