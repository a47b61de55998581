"""Tables on a terminal."""

from __future__ import annotations

import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console

from forebay.report.document import Damaged
from forebay.report.terminal import show
from report.logs import HOSTILE, line, summary
from report.test_page import hostile


def shown(found, width=100, **given):
    out = io.StringIO()
    show(found, Console(file=out, width=width, highlight=False, markup=False, emoji=False, **given))
    return out.getvalue()


LONG = summary(
    *[
        line(server_address=f"{'very-' * 12}{n}.example", client_address=f"2001:db8::{n}")
        for n in range(20)
    ],
    hostile("x"),
)


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 120, 200])
def test_it_fits_any_width(width):
    assert max(cell_len(row) for row in shown(LONG, width).splitlines()) <= width


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 120, 200])
def test_no_figure_is_cut(width):
    base = summary(*[line(response_body_bytes=123_456_789, duration_s=1.2345) for _ in range(1234)])

    words = shown(base, width)

    for figure in ("1,234", "152 GB"):
        assert figure in words
    assert not re.search(r"\d…", words)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_log_reaches_the_terminal_as_it_is(text):
    found = shown(summary(hostile(text), damaged=Damaged(1, [text])), 200)

    assert all(char == "\n" or char.isprintable() for char in found)
    assert "[bold red]markup[/]" in found or text != "[bold red]markup[/]"


def test_colours_are_for_terminals():
    assert "\x1b[" not in shown(LONG)
    assert "\x1b[" in shown(LONG, force_terminal=True, color_system="standard")


def test_the_selection_and_a_missing_time_are_told():
    found = shown(summary(line(timestamp=None)))

    assert "Traffic report  no record has a time" in found
