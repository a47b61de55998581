"""The HTML report: one file, no script, nothing from outside, whatever the log holds.

Pure.  All text of a log passes through `chart.text`; a Content-Security-Policy
sees to it that nothing runs or is fetched should any of it ever be markup.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from forebay.report import chart, figures, scale
from forebay.report.chart import Frame, Layer, text
from forebay.report.document import Step, Summary
from forebay.report.listing import Cells, Listing, listings, tiles, warnings
from forebay.report.series import CLASSES
from forebay.report.style import CSS

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_CLASS_NAMES = {name: name for name in CLASSES} | {"none": "no response"}
_MOST_FILES = 4

type _MakeFrame = Callable[[str, str, str, scale.Axis], Frame]


def render(summary: Summary) -> str:
    """Return the page."""
    body = "\n".join(
        (
            _header(summary),
            _warnings(summary),
            _tiles(summary),
            _classes(summary),
            *_charts(summary),
            _tables(listings(summary)),
            _footer(summary),
        )
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>Traffic report</title>\n<style>{CSS}</style></head>\n"
        f"<body><main>{body}</main></body></html>\n"
    )


def _header(summary: Summary) -> str:
    period = summary.period
    when = "no record has a time"
    if period.from_ is not None:
        when = (
            f"{figures.time(period.from_)} to {figures.time(period.to)} UTC, "
            f"{figures.seconds(period.span_s)}"
        )
    files = ", ".join(summary.files[:_MOST_FILES])
    if len(summary.files) > _MOST_FILES:
        files += f" and {len(summary.files) - _MOST_FILES} more"
    only = ", ".join(f"{name} {value}" for name, value in summary.selection.items())
    if only:
        only = f"<p>Only {text(only)}: {figures.plural(summary.others, 'record')} left out</p>"
    return (
        f"<header><h1>Traffic report</h1><p>{text(when)}</p>"
        f"<p>{text(files, 1000)}</p>{only}</header>"
    )


def _warnings(summary: Summary) -> str:
    lines = "".join(f"<li>{text(line, 600)}</li>" for line in warnings(summary))
    return f'<ul class="warnings">{lines}</ul>' if lines else ""


def _tiles(summary: Summary) -> str:
    shown = "".join(
        f'<div class="tile"><dt>{text(name)}</dt><dd class="figure">{text(figure)}</dd>'
        f'<dd class="more">{text(more)}</dd></div>'
        for name, figure, more in tiles(summary)
    )
    return f'<dl class="tiles">{shown}</dl>'


def _classes(summary: Summary) -> str:
    total = sum(summary.status_classes.values())
    if not total:
        return ""
    found = [(name, count) for name, count in summary.status_classes.items() if count]
    parts = [
        (f"{_CLASS_NAMES[name]}: {figures.count(count)}", count / total, f"c-{name}")
        for name, count in found
    ]
    legend = "".join(
        '<li><svg class="key" viewBox="0 0 10 10" aria-hidden="true">'
        f'<rect class="c-{name}" width="10" height="10" rx="2"/></svg>{_CLASS_NAMES[name]} '
        f"{figures.count(count)} ({figures.percent(count / total)})</li>"
        for name, count in found
    )
    title = "Responses by class: " + ", ".join(name for name, _, _ in parts)
    return (
        '<section class="card"><h2>Responses by class</h2>'
        f'{chart.band(parts, title)}<ul class="legend">{legend}</ul></section>'
    )


def _charts(summary: Summary) -> list[str]:
    steps = summary.series.steps
    if not steps:
        return []
    width = figures.seconds(summary.series.width_s)
    marks = scale.times([step.at for step in steps], summary.series.width_s)
    tips = [_tip(step) for step in steps]
    starts = f"in steps of {width} from {figures.time(steps[0].at)} UTC"

    def frame(name: str, title: str, said: str, axis: scale.Axis) -> Frame:
        return Frame(name, title, f"{said}, {starts}.", axis, marks, tips)

    requests = [sum(step.classes.values()) for step in steps]
    layers = [
        Layer(_CLASS_NAMES[name], f"c-{name}", [step.classes[name] for step in steps])
        for name in ("2xx", "3xx", "1xx", "4xx", "5xx", "none")
        if any(step.classes[name] for step in steps)
    ]
    most = max(requests)
    first = chart.columns(
        frame(
            "requests",
            f"Requests per {width}",
            f"Exchanges by class of their status, at most {figures.count(most)}",
            scale.counts_axis(most),
        ),
        layers,
    ).replace('class="chart"', 'class="chart wide"', 1)
    down, up = [step.bytes_down for step in steps], [step.bytes_up for step in steps]
    errors = [step.errors for step in steps]
    others = [
        chart.lines(
            frame(
                "bytes",
                f"Bytes per {width}",
                f"Bytes to clients, at most {figures.size(max(down))}, and from clients, "
                f"at most {figures.size(max(up))}",
                scale.bytes_axis(max(*down, *up)),
            ),
            [Layer("to clients", "c-down", down), Layer("from clients", "c-up", up)],
            is_filled=True,
        ),
        chart.columns(
            frame(
                "errors",
                f"Errors per {width}",
                f"Records that failed, at most {figures.count(max(errors))}",
                scale.counts_axis(max(errors)),
            ),
            [Layer("errors", "c-bad", errors)],
        ),
        _latency(steps, frame),
        _hit_ratio(steps, frame),
    ]
    return [first, f'<div class="two">{"".join(others)}</div>']


def _latency(steps: Sequence[Step], frame: _MakeFrame) -> str:
    known = [step.duration for step in steps if step.duration is not None]
    if not known:
        return ""
    axis = scale.logarithmic(min(each.p50_s for each in known), max(each.p99_s for each in known))
    said = "Percentiles of the duration of HTTP exchanges, on a logarithmic axis"
    return chart.lines(
        frame("latency", "Duration", said, axis),
        [
            Layer(name, f"c-{name}", [getattr(each.duration, f"{name}_s", None) for each in steps])
            for name in ("p99", "p90", "p50")
        ],
    )


def _hit_ratio(steps: Sequence[Step], frame: _MakeFrame) -> str:
    ratios = [step.hit_ratio for step in steps]
    if not any(each is not None for each in ratios):
        return ""
    axis = scale.Axis(
        tuple(scale.Mark(n / 4, f"{n * 25} %") for n in range(5)), lambda value: value
    )
    said = "Share of lookups that the cache answered or only revalidated"
    return chart.lines(
        frame("hits", "Cache hit ratio", said, axis),
        [Layer("hits", "c-hit", ratios)],
        is_filled=True,
    )


def _tip(step: Step) -> str:
    found = [f"{figures.time(step.at)} UTC", figures.plural(sum(step.classes.values()), "request")]
    found += [f"{_CLASS_NAMES[name]} {figures.count(n)}" for name, n in step.classes.items() if n]
    found.append(figures.plural(step.errors, "error"))
    found.append(f"{figures.size(step.bytes_down)} down, {figures.size(step.bytes_up)} up")
    if step.duration is not None:
        found.append(f"p50 {figures.seconds(step.duration.p50_s)}")
        found.append(f"p99 {figures.seconds(step.duration.p99_s)}")
    if step.hit_ratio is not None:
        found.append(f"cache hits {figures.percent(step.hit_ratio)}")
    return "; ".join(found)


def _tables(found: Sequence[Listing]) -> str:
    """Return long tables over the whole width, the others beside each other, in their order."""
    shown: list[str] = []
    pair: list[str] = []
    for each in found:
        if each.is_long:
            if pair:
                shown.append(f'<div class="many">{"".join(pair)}</div>')
                pair = []
            shown.append(_table(each))
        else:
            pair.append(_table(each))
    if pair:
        shown.append(f'<div class="many">{"".join(pair)}</div>')
    return "\n".join(shown)


def _table(found: Listing) -> str:
    classes = ["" if label in found.texts else ' class="n"' for label in found.head[1:]]
    head = "".join(
        f'<th scope="col"{each}>{text(label)}</th>'
        for label, each in zip(found.head, ["", *classes], strict=True)
    )
    rows = "".join(_row(cells, found.head[1:], classes) for cells in found.rows)
    note = f'<p class="note">{text(found.note, 600)}</p>' if found.note else ""
    return (
        f'<section class="card"><h2>{text(found.title)}</h2>{note}'
        f'<table class="t{" long" if found.is_long else ""}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></section>"
    )


def _row(cells: Cells, labels: Sequence[str], classes: Sequence[str]) -> str:
    name = f'<span class="name">{text(cells.name)}</span>'
    if cells.more:
        name += f'<span class="sub">{text(cells.more)}</span>'
    if cells.share is not None:
        name += chart.bar(cells.share)
    values = "".join(
        f'<td{each} data-label="{text(label)}">{text(value)}</td>'
        for value, label, each in zip(cells.values, labels, classes, strict=True)
    )
    return f'<tr><th scope="row">{name}</th>{values}</tr>'


def _footer(summary: Summary) -> str:
    return (
        f"<footer><p>Made by forebay report at {figures.time(summary.made_at)} UTC. All times are "
        "UTC. Bytes are those of bodies and messages, without heads. Errors are exchanges that "
        "failed or were answered with 5xx; what was blocked is none.</p></footer>"
    )
