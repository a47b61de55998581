"""HTTP Archive 1.2: the specification's demands, and mitmproxy as a reader."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mitmproxy.io import FlowReader

from export.records import BEGAN, EXCHANGES, any_records, exchange
from forebay.export.har import Har
from forebay.trafficlog.record import Record

SCHEMA = json.loads(Path(__file__).with_name("har-1.2.schema.json").read_text(encoding="utf-8"))
VALID = jsonschema.Draft202012Validator(
    SCHEMA, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
)


def document(records: Iterable[Record]) -> bytes:
    made = Har("1.2.3")
    entries = [made.convert(record) for record in records]
    return b"".join([made.head(), *filter(None, entries), made.tail()])


def log(*records: Record) -> dict:
    """The log of a document that is valid."""
    found = json.loads(document(records))
    VALID.validate(found)
    return found["log"]


def flows(*records: Record) -> list:
    return list(FlowReader(io.BytesIO(document(records))).stream())


def test_the_schema_is_one_and_refuses():
    """Else the other tests say nothing."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    good = json.loads(document([exchange()]))
    for place, name in (("entries", "timings"), ("entries", "time")):
        bad = json.loads(json.dumps(good))
        del bad["log"][place][0][name]
        assert not VALID.is_valid(bad)
    good["log"]["entries"][0]["timings"]["wait"] = -1
    assert not VALID.is_valid(good)


@given(st.lists(EXCHANGES | any_records(), max_size=4))
def test_any_records_make_a_valid_document(records):
    found = log(*records)

    assert len(found["entries"]) <= len(records)
    assert found["creator"] == {"name": "Forebay", "version": "1.2.3"}
    for entry in found["entries"]:
        phases = {
            name: span for name, span in entry["timings"].items() if name != "ssl" and span != -1
        }
        assert sum(phases.values()) == pytest.approx(entry["time"])


@given(EXCHANGES)
@settings(max_examples=50)
def test_an_exchange_is_an_entry_and_nothing_is_lost_on_the_way(record):
    (entry,) = log(record)["entries"]

    assert entry["request"]["url"] == record.url_full
    assert entry["response"]["status"] == (record.status or 0)
    assert [(each["name"], each["value"]) for each in entry["response"]["headers"]] == [
        (name, value)
        for name, values in (record.response_headers or {}).items()
        for value in values
    ]
    assert entry["_forebay"]["seq"] == record.seq
    assert entry["_forebay"].get("block") == record.block


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        *(({"kind": kind}, kind) for kind in ("tunnel", "tcp", "udp", "tls", "dns", "malformed")),
        ({"timestamp": None}, "http without a time"),
        ({"url_full": None}, "http without a URL"),
        ({"url_full": "http://[x/"}, "http without a URL"),
        ({"url_full": "http://a:b/"}, "http without a URL"),
        ({"url_full": "/x"}, "http without a URL"),
    ],
)
def test_what_has_no_place_is_counted(given, reason):
    found = log(exchange(), exchange(**given), exchange(**given), exchange())

    assert len(found["entries"]) == 2
    assert found["comment"] == f"left out: 2 {reason}"


@pytest.mark.parametrize(
    ("server", "address"),
    [("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::1"), ("a.example", None), (None, None)],
)
def test_the_server_address_is_told_when_it_is_one(server, address):
    (entry,) = log(exchange(server_address=server))["entries"]

    assert entry.get("serverIPAddress") == address


def test_what_forebay_did_is_beside_it():
    record = exchange(
        kind="websocket", instance="i", answered_by="cache", connection_id="c", block={"rule": "x"},
        rewrite=[{"id": "r"}], cache={"status": "hit"}, error_type="reset", error_message="m",
        client_messages=3, truncated=["url.full"],
    )  # fmt: skip

    (entry,) = log(record)["entries"]

    assert (entry["connection"], entry["_resourceType"]) == ("c", "websocket")
    assert entry["_forebay"] == {
        "seq": 1, "instance": "i", "kind": "websocket", "answered_by": "cache",
        "block": {"rule": "x"}, "rewrite": [{"id": "r"}], "cache": {"status": "hit"},
        "client_address": "127.0.0.1", "client_messages": 3, "truncated": ["url.full"],
        "error": {"type": "reset", "message": "m"},
    }  # fmt: skip


def test_mitmproxy_reads_it():
    binary = base64.b64encode(bytes(range(256))).decode()
    records = [
        exchange(
            method="POST",
            url_full="https://a.example:8443/p?q=%C3%A9",
            status=201,
            protocol_version="2",
            request_headers={"content-type": ["application/json"], "x-a": ["1", "2"]},
            response_headers={"content-type": ["text/plain; charset=utf-8"]},
            request_body={"text": '{"a":"é"}'},
            response_body={"text": "grüße"},
            duration_s=0.5,
        ),
        exchange(url_full="http://b.example/", status=304, response_body={"base64": binary}),
        exchange(url_full="http://c.example/", status=None, error_type="reset"),
    ]

    first, second, third = flows(*records)

    assert (first.request.method, first.request.url) == ("POST", records[0].url_full)
    assert first.request.http_version == "HTTP/2"
    assert list(first.request.headers.items(multi=True)) == [
        ("content-type", "application/json"), ("x-a", "1"), ("x-a", "2"),
        ("content-length", "10"),  # its own addition
    ]  # fmt: skip
    assert first.request.content == '{"a":"é"}'.encode()
    assert first.request.timestamp_start == BEGAN.timestamp()
    assert (first.response.status_code, first.response.text) == (201, "grüße")
    assert first.response.headers["content-type"] == "text/plain; charset=utf-8"
    assert (second.request.url, second.response.content) == ("http://b.example/", bytes(range(256)))
    assert (third.request.url, third.response.status_code) == ("http://c.example/", 0)


def test_mitmproxy_reads_a_body_that_was_coded():
    """What was captured is without its codings, as the format wants; the field still names one."""
    record = exchange(
        response_headers={"content-encoding": ["gzip"]}, response_body={"text": "plain again"}
    )

    (flow,) = flows(record)

    assert flow.response.content == b"plain again"


@given(EXCHANGES)
@settings(max_examples=50)
def test_mitmproxy_reads_any_exchange(record):
    """A coding that it does not know aside, which the fields here do not name."""
    (flow,) = flows(record)

    assert flow.response.status_code == (record.status or 0)
