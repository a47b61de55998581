"""The JSON Schema of a line."""

from __future__ import annotations

import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.records import any_records, exchange
from forebay.trafficlog.record import Gap, Record, encode
from forebay.trafficlog.recordschema import json_schema

SCHEMA = json_schema()
VALID = jsonschema.Draft202012Validator(
    SCHEMA, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
)
GAPS = st.builds(
    Gap, lost=st.integers(), from_seq=st.integers(), to_seq=st.integers(),
    instance=st.none() | st.text(),
)  # fmt: skip


def line(item: Record | Gap) -> dict:
    return json.loads(encode(item))


def test_it_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@given(any_records() | GAPS)
def test_whatever_is_written_is_valid(item):
    VALID.validate(line(item))


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"v": 0},
        {"kind": "gap"},
        {"seq": None},
        {"timestamp": 5},
        {"url.full": ["x"]},
        {"http.response.status_code": "200"},
        {"http.request.header": {"accept": "*/*"}},
        {"forebay.truncated": [1]},
    ],
)
def test_what_is_no_record_is_not_valid(change):
    assert VALID.is_valid(line(exchange()))
    assert not VALID.is_valid(line(exchange()) | change)


@pytest.mark.parametrize("name", ["v", "kind", "seq"])
def test_what_every_line_has_is_demanded(name):
    found = line(exchange())
    del found[name]

    assert not VALID.is_valid(found)


@pytest.mark.parametrize("struct", [Record, Gap])
def test_every_field_is_described(struct):
    part = SCHEMA["$defs"][struct.__name__]

    assert list(part["properties"]) == list(line(GAP if struct is Gap else exchange()))
    for name, member in part["properties"].items():
        assert len(member["description"]) > 3, name


GAP = Gap(lost=1, from_seq=1, to_seq=1)


def test_a_description_can_be_read_alone():
    """What is said by means of the attribute before names that."""
    described = SCHEMA["$defs"]["Record"]["properties"]

    assert described["http.response.header"]["description"] == (
        "the same for the response. (see ``http.request.header``)"
    )
    assert "see" not in described["url.scheme"]["description"]
