"""Numbers, once each, and the boundary that fails open."""

from __future__ import annotations

import pytest
from mitmproxy.test import tflow

from forebay import outcome
from forebay.errors import ForebayError
from forebay.trafficlog.parts import Draft
from forebay.trafficlog.record import Record
from forebay.trafficlog.recorder import Recorder
from trafficlog.support import lines


def make(draft: Draft, kind: str = "http") -> Record:
    return Record(kind=kind, seq=draft.seq, instance=draft.instance)


def fail(draft: Draft) -> Record:
    raise ValueError("Authorization: secret")


@pytest.fixture(name="recorder")
def _recorder(tmp_path):
    recorder = Recorder()
    recorder.write_to(tmp_path / "t.jsonl")
    yield recorder
    recorder.stop()


def test_while_off_nothing_is_recorded_nor_noted():
    recorder = Recorder()
    flow = tflow.tflow()
    recorder.once(flow, make)
    recorder.record(make)

    assert not recorder.is_on
    assert recorder.path is None
    assert "logged" not in outcome.of(flow)


def test_an_attempt_is_recorded_once_and_each_attempt(recorder, tmp_path):
    """A replayed flow keeps its metadata; proxycore begins anew."""
    flow = tflow.tflow()
    recorder.once(flow, make)
    recorder.once(flow, make)
    outcome.begin(flow)
    recorder.once(flow, make)
    recorder.begin(flow)
    recorder.once(flow, make, "dns")
    recorder.stop()

    assert [(line["seq"], line["kind"]) for line in lines(tmp_path / "t.jsonl")] == [
        (1, "http"),
        (2, "http"),
        (3, "dns"),
    ]


def test_an_error_costs_one_record_and_one_warning(recorder, tmp_path, caplog):
    """Its number is in a gap; nothing of the traffic is in the warning."""
    recorder.record(make)
    for _ in range(3):
        recorder.record(fail)
    recorder.record(make)
    recorder.stop()

    found = lines(tmp_path / "t.jsonl")
    assert [found[0]["seq"], found[2]["seq"]] == [1, 5]
    assert found[1] == {
        "v": 1,
        "kind": "gap",
        "lost": 3,
        "from_seq": 2,
        "to_seq": 4,
        "service.instance.id": recorder.instance,
    }
    (warning,) = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert "a record is lost" in warning
    assert "secret" not in warning


def test_numbers_go_on_in_another_file(recorder, tmp_path):
    """They count what the process recorded."""
    recorder.record(make)
    recorder.write_to(tmp_path / "other.jsonl")
    recorder.record(make)
    recorder.stop()

    assert [line["seq"] for line in lines(tmp_path / "t.jsonl")] == [1]
    assert [line["seq"] for line in lines(tmp_path / "other.jsonl")] == [2]


def test_the_same_file_is_kept_open(recorder, tmp_path):
    """Else a change of another option would take ours for somebody else's."""
    recorder.write_to(tmp_path / "t.jsonl")

    assert recorder.path == tmp_path / "t.jsonl"


def test_a_file_that_cannot_be_written_changes_nothing(recorder, tmp_path):
    with pytest.raises(ForebayError) as caught:
        recorder.write_to(tmp_path)
    recorder.record(make)
    recorder.stop()

    assert str(caught.value) == (
        f"trafficlog_file: expected a writable file, found {tmp_path}: Is a directory"
    )
    assert len(lines(tmp_path / "t.jsonl")) == 1
