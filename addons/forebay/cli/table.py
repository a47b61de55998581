"""Aligned text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def print_table(
    header: Sequence[str], rows: Iterable[Sequence[str]], *, to_the_right: Iterable[str]
) -> None:
    """Print *rows* below *header*; the columns named *to_the_right* end there.

    >>> print_table(("name", "age"), [("a", "10"), ("bcdef", "9")], to_the_right=["age"])
    name   age
    a       10
    bcdef    9
    """
    lines = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    right = set(to_the_right)
    for line in lines:
        cells = [
            cell.rjust(width) if name in right else cell.ljust(width)
            for cell, width, name in zip(line, widths, header, strict=True)
        ]
        print("  ".join(cells).rstrip())
