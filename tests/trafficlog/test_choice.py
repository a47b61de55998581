"""The options that choose what is recorded."""

from __future__ import annotations

import pytest
from mitmproxy.test import taddons, tflow

from forebay.errors import ForebayError
from forebay.trafficlog import choice


class Declares:
    name = "declares"

    def load(self, loader):
        choice.declare(loader)


@pytest.fixture(name="options")
def _options():
    with taddons.context(Declares()) as tctx:
        yield tctx.options.update


@pytest.mark.usefixtures("options")
def test_by_default_all_records_and_no_bodies():
    only, sampling = choice.records()

    assert only is None
    assert sampling.is_all
    assert choice.bodies().types == ()


def test_what_is_asked_for(options):
    options(
        trafficlog_filter="~m POST",
        trafficlog_sample=["0.5"],
        trafficlog_bodies=["text/*"],
        trafficlog_bodies_filter="~m GET",
        trafficlog_bodies_sample="0.25",
        trafficlog_body_bytes="1k",
    )
    only, sampling = choice.records()
    wish = choice.bodies()

    assert not only(tflow.tflow())
    assert sampling.otherwise == 0.5
    assert [each.matches("text/html") for each in wish.types] == [True]
    assert (wish.limit_bytes, wish.rate) == (1024, 0.25)
    assert wish.only(tflow.tflow())


@pytest.mark.parametrize(
    ("read", "given", "expected"),
    [
        (
            choice.records,
            {"trafficlog_filter": "~b x"},
            "trafficlog_filter: expected a flow filter",
        ),
        (choice.records, {"trafficlog_sample": ["x"]}, "trafficlog_sample: expected a rate from 0"),
        (
            choice.bodies,
            {"trafficlog_bodies": ["html"]},
            "trafficlog_bodies: expected a media type",
        ),
        (
            choice.bodies,
            {"trafficlog_bodies_sample": "2"},
            "trafficlog_bodies_sample: expected a rate",
        ),
        (
            choice.bodies,
            {"trafficlog_bodies_sample": "2xx=1"},
            "trafficlog_bodies_sample: expected",
        ),
        (choice.bodies, {"trafficlog_body_bytes": "x"}, "trafficlog_body_bytes: expected a size"),
        (
            choice.bodies,
            {"trafficlog_bodies_filter": "~"},
            "trafficlog_bodies_filter: expected a flow",
        ),
    ],
)
def test_mistakes_name_the_option(options, read, given, expected):
    options(**given)

    with pytest.raises(ForebayError) as caught:
        read()

    assert str(caught.value).startswith(expected)
