"""Aligned text."""

from __future__ import annotations

from forebay.cli.table import print_table


def test_no_line_ends_in_blanks(capsys):
    print_table(("a", "long"), [("x", ""), ("yyy", "z")], to_the_right=())

    assert capsys.readouterr().out == "a    long\nx\nyyy  z\n"
