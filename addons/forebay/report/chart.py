r"""Charts as inline SVG: shapes stretch with the page, text stays text.

Pure.  A shape is drawn in a box of 1,000 by 1,000 that the page stretches to
any width; labels are HTML beside it, in the page's own type, so that they are
as readable at 320 pixels as at 1,600.  Colours are classes (``c-…``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

from forebay.blocklist.verdict import visible
from forebay.report.scale import Axis, Mark

_BOX = 1000


@dataclass(frozen=True, slots=True)
class Layer:
    """What a chart shows: *name* in the legend, its colour's class, a value for each step."""

    name: str
    color: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Frame:
    """What all charts over time have.

    Args:
        name: identifies the chart within the page.
        title: what it shows.
        description: the same in a sentence, with figures, for those who do not see it.
        axis: of the values.
        times: marks of the steps.
        tips: what is shown of each step when it is pointed at.
    """

    name: str
    title: str
    description: str
    axis: Axis
    times: tuple[Mark, ...]
    tips: Sequence[str]


def text(value: str, limit: int = 300) -> str:
    r"""Return *value* for HTML: one line, nothing hidden, nothing that is markup.

    >>> text("<b>\n\u202e")
    '&lt;b&gt;\\n\\u202e'
    """
    return escape(visible(value, limit), quote=True)


def columns(frame: Frame, layers: Sequence[Layer]) -> str:
    """Return stacked columns, a step each, the first layer lowest."""
    width = _BOX / max(1, len(frame.tips))
    gap = min(2.0, width * 0.15)
    below = [0.0] * len(frame.tips)
    shapes = []
    for layer in layers:
        path = []
        for step, value in enumerate(layer.values):
            if not value:
                continue
            top = below[step] + value
            low, high = _y(frame.axis, below[step]), _y(frame.axis, top)
            path.append(
                f"M{step * width + gap / 2:.1f} {low:.1f}V{high:.1f}h{width - gap:.1f}V{low:.1f}z"
            )
            below[step] = top
        if path:
            shapes.append(f'<path class="{layer.color}" d="{"".join(path)}"/>')
    return _chart(frame, layers, "".join(shapes))


def lines(frame: Frame, layers: Sequence[Layer], *, is_filled: bool = False) -> str:
    """Return a line for each layer; where nothing is known there is none."""
    shapes = []
    for layer in layers:
        for run in _runs(layer.values):
            points = [(_x(step, len(frame.tips)), _y(frame.axis, value)) for step, value in run]
            if len(points) == 1:  # a point needs some length to be seen
                x, y = points[0]
                points = [(x - 4, y), (x + 4, y)]
            drawn = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
            if is_filled:
                shapes.append(
                    f'<path class="{layer.color} area" '
                    f'd="M{drawn}L{points[-1][0]:.1f} {_BOX}L{points[0][0]:.1f} {_BOX}z"/>'
                )
            shapes.append(f'<path class="{layer.color} line" d="M{drawn}"/>')
    return _chart(frame, layers, "".join(shapes))


def bar(share: float, color: str = "c-bar") -> str:
    """Return a bar that fills *share* of its cell; its number stands beside it."""
    width = max(0.0, min(1.0, share)) * _BOX
    return (
        f'<svg class="bar" viewBox="0 0 {_BOX} 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="c-track" width="{_BOX}" height="10"/>'
        f'<rect class="{color}" width="{width:.1f}" height="10"/></svg>'
    )


def band(parts: Sequence[tuple[str, float, str]], title: str) -> str:
    """Return one bar that is divided into *parts*: name, share and colour of each."""
    at = 0.0
    shapes = []
    for name, share, color in parts:
        shapes.append(
            f'<rect class="{color}" x="{at * _BOX:.1f}" width="{share * _BOX:.1f}" height="10">'
            f"<title>{text(name)}</title></rect>"
        )
        at += share
    return (
        f'<svg class="band" viewBox="0 0 {_BOX} 10" preserveAspectRatio="none" role="img" '
        f'aria-label="{text(title, 1000)}">{"".join(shapes)}</svg>'
    )


def _chart(frame: Frame, layers: Sequence[Layer], shapes: str) -> str:
    grid = "".join(
        f'<path class="grid" d="M0 {_BOX - mark.at * _BOX:.1f}h{_BOX}"/>'
        for mark in frame.axis.marks
    )
    width = _BOX / max(1, len(frame.tips))
    tips = "".join(
        f'<rect class="tip" x="{step * width:.1f}" width="{width:.1f}" height="{_BOX}">'
        f"<title>{text(tip, 1000)}</title></rect>"
        for step, tip in enumerate(frame.tips)
    )
    values = "".join(
        f'<span style="bottom:{mark.at * 100:.2f}%">{text(mark.label)}</span>'
        for mark in frame.axis.marks
    )
    widest = max(len(mark.label) for mark in frame.axis.marks)
    legend = "".join(
        f'<li><svg class="key" viewBox="0 0 10 10" aria-hidden="true">'
        f'<rect class="{layer.color}" width="10" height="10" rx="2"/></svg>{text(layer.name)}</li>'
        for layer in layers
    )
    return (
        f'<figure class="chart" id="{frame.name}"><figcaption><h3>{text(frame.title)}</h3>'
        f'<ul class="legend">{legend}</ul></figcaption>'
        f'<div class="plot" style="--axis:{widest}ch"><div class="values" aria-hidden="true">'
        f"{values}</div>"
        f'<svg class="area-box" viewBox="0 0 {_BOX} {_BOX}" preserveAspectRatio="none" role="img" '
        f'aria-labelledby="{frame.name}-t {frame.name}-d">'
        f'<title id="{frame.name}-t">{text(frame.title)}</title>'
        f'<desc id="{frame.name}-d">{text(frame.description, 2000)}</desc>'
        f'{grid}{shapes}{tips}</svg><div class="times" aria-hidden="true">{_times(frame.times)}'
        "</div></div></figure>"
    )


def _times(marks: tuple[Mark, ...]) -> str:
    """Return the labels of steps; those that are not needed on a narrow page are marked."""
    return "".join(
        f'<span class="{"odd" if number % 2 else "even"}{" end" if mark.at > 0.88 else ""}" '
        f'style="left:{mark.at * 100:.2f}%">{text(mark.label)}</span>'
        for number, mark in enumerate(marks)
    )


def _x(step: int, count: int) -> float:
    return (step + 0.5) * _BOX / count


def _y(axis: Axis, value: float) -> float:
    return _BOX - axis.place(value) * _BOX


def _runs(values: Sequence[float | None]) -> Iterator[list[tuple[int, float]]]:
    """Yield steps that follow each other and have a value."""
    known = [(step, value) for step, value in enumerate(values) if value is not None]
    for _, run in groupby(enumerate(known), lambda item: item[1][0] - item[0]):
        yield [each for _, each in run]
