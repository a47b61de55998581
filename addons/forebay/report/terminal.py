"""The report on a terminal: tables as wide as it is, colours where there is one.

Glue: rich does the printing.  No text of a log reaches it but through
`visible`, and never as markup.
"""

from __future__ import annotations

from rich.cells import cell_len
from rich.console import Console, Group, JustifyMethod, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from forebay.blocklist.verdict import visible
from forebay.report import figures
from forebay.report.document import Summary
from forebay.report.listing import Cells, Listing, listings, tiles, warnings

PIPE_COLUMNS = 120
"""Width where there is no terminal."""

_BAR_COLUMNS = 10
_MOST_COLUMNS = 24
_LEAST_NAME_COLUMNS = 12
_CLASS_STYLES = {"2": "green", "3": "blue", "4": "yellow", "5": "red"}


def show(summary: Summary, console: Console) -> None:
    """Print the report."""
    console.print(_head(summary))
    for line in warnings(summary):
        console.print(Text(visible(line, 600), style="yellow"))
    console.print(Padding(_figures(summary), (1, 0, 0, 0)))
    for each in listings(summary):
        console.print(Padding(Group(*_titled(each), _table(each, console.width)), (1, 0, 0, 0)))


def _head(summary: Summary) -> Text:
    period = summary.period
    when = "no record has a time"
    if period.from_ is not None:
        when = (
            f"{figures.time(period.from_)} to {figures.time(period.to)} UTC "
            f"({figures.seconds(period.span_s)})"
        )
    found = Text.assemble(("Traffic report", "bold"), "  ", when)
    if summary.selection:
        only = ", ".join(f"{name} {value}" for name, value in summary.selection.items())
        left_out = figures.plural(summary.others, "record")
        found.append(f"\nOnly {visible(only, 300)}: {left_out} left out")
    return found


def _figures(summary: Summary) -> Table:
    table = Table.grid(padding=(0, 2))
    for _ in range(3):
        table.add_column(overflow="fold")
    for name, figure, more in tiles(summary):
        table.add_row(Text(name, style="dim"), Text(figure, style="bold"), Text(more, style="dim"))
    return table


def _titled(each: Listing) -> list[Text]:
    found = [Text(each.title, style="bold")]
    if each.note:
        found.append(Text(visible(each.note, 600), style="dim"))
    return found


def _table(each: Listing, width: int) -> RenderableType:
    """Return the table, or where there is no room for its figures, its rows one by one."""
    columns = list(zip(*(map(_shown, row.values) for row in each.rows), strict=True))
    widths = [
        min(max(map(cell_len, (label, *column))), _MOST_COLUMNS if label in each.texts else width)
        for label, column in zip(each.head[1:], columns, strict=True)
    ]
    room = width - sum(widths) - 2 * len(widths)
    has_bars = room >= 3 * _BAR_COLUMNS and any(row.share is not None for row in each.rows)
    room -= _BAR_COLUMNS + 2 if has_bars else 0
    if room < _LEAST_NAME_COLUMNS:
        return Group(*(_alone(each, row) for row in each.rows))
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    table.add_column(each.head[0], overflow="ellipsis", no_wrap=True, max_width=room)
    if has_bars:
        table.add_column("", no_wrap=True, width=_BAR_COLUMNS)
    for label, columns_wide in zip(each.head[1:], widths, strict=True):
        justify: JustifyMethod = "left" if label in each.texts else "right"
        table.add_column(label, justify=justify, width=columns_wide, no_wrap=True)
    for row in each.rows:
        bars = [Text(_bar(row.share), style="cyan")] if has_bars else []
        values = (Text(_shown(value), overflow="ellipsis") for value in row.values)
        table.add_row(_name(each, row), *bars, *values)
    return table


def _alone(each: Listing, row: Cells) -> Text:
    found = _name(each, row)
    for label, value in zip(each.head[1:], row.values, strict=True):
        found.append(f"\n  {label} ", style="dim").append(_shown(value))
    return found


def _shown(value: str) -> str:
    return visible(value, 100)


def _name(each: Listing, row: Cells) -> Text:
    found = Text(visible(row.name, 300), style=_style(each, row.name))
    if row.more:
        found.append(f"  {visible(row.more, 200)}", style="dim")
    return found


def _style(each: Listing, name: str) -> str:
    return _CLASS_STYLES.get(name[:1], "") if each.head[0] == "status" else ""


def _bar(share: float | None) -> str:
    """Return a bar of eighths of a column.

    >>> _bar(0.55), _bar(None)
    ('█████▌', '')
    """
    eighths = round((share or 0.0) * _BAR_COLUMNS * 8)
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()
