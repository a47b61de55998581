"""Charts are well-formed, whatever they show."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.report import chart
from forebay.report.chart import Frame, Layer, text
from forebay.report.scale import Mark, counts_axis
from report.logs import HOSTILE

VALUES = st.lists(st.one_of(st.none(), st.integers(0, 1000)), min_size=1, max_size=20)


def frame(count, title="t"):
    marks = (Mark(0.0, "00:00"), Mark(0.9, "12:00"))
    return Frame("name", title, "d", counts_axis(1000), marks, [f"tip {n}" for n in range(count)])


def parsed(found):
    return ET.fromstring(found)


def numbers(found):
    return [
        float(n) for d in re.findall(r' d="([^"]*)"', found) for n in re.findall(r"-?[\d.]+", d)
    ]


@pytest.mark.parametrize("draw", [chart.columns, chart.lines])
@given(values=VALUES)
def test_shapes_stay_in_their_box(draw, values):
    found = draw(frame(len(values)), [Layer("a", "c-2xx", values)])

    assert parsed(found).find(".//svg[@role='img']/title").text == "t"
    assert all(-5 <= number <= 1005 for number in numbers(found))
    assert found.count("tip ") == len(values)


def test_columns_stand_on_each_other():
    found = chart.columns(
        frame(1), [Layer("a", "x", [200]), Layer("b", "y", [300]), Layer("c", "z", [0])]
    )

    low, high = re.findall(r'class="([xyz])" d="M1.0 ([\d.]+)V([\d.]+)', found)
    assert low == ("x", "1000.0", "800.0")
    assert high == ("y", "800.0", "500.0")


def test_a_line_has_a_hole_where_nothing_is_known():
    found = chart.lines(frame(5), [Layer("a", "x", [1, 2, None, 4, None])])

    assert found.count('class="x line"') == 2
    assert found.count('class="x area"') == 0
    assert chart.lines(frame(2), [Layer("a", "x", [1, 2])], is_filled=True).count('"x area"') == 1


@pytest.mark.parametrize("share", [-1, 0, 0.5, 1, 7])
def test_a_bar_is_no_longer_than_its_cell(share):
    width = float(parsed(chart.bar(share))[1].get("width"))

    assert width == min(1000, max(0, share * 1000))


def test_a_band_is_divided():
    found = parsed(chart.band([("a", 0.25, "x"), ("b", 0.75, "y")], "both"))

    assert [(part.get("x"), part.get("width")) for part in found] == [
        ("0.0", "250.0"),
        ("250.0", "750.0"),
    ]
    assert found.get("aria-label") == "both"


@pytest.mark.parametrize("hostile", HOSTILE)
def test_text_is_never_markup_and_hides_nothing(hostile):
    found = text(hostile)

    assert not set(found) & set("<>\"'")
    assert found.isprintable()
    assert parsed(chart.lines(frame(1, hostile), [Layer(hostile, "x", [1])])) is not None
