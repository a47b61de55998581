"""Rules applied to flows: bodies once they are whole, answers from files, failures."""

from __future__ import annotations

import asyncio
import inspect
import threading
from pathlib import Path

import pytest
from mitmproxy import http
from mitmproxy.test import tflow, tutils

from forebay import outcome
from forebay.proxycore import bodies, source
from forebay.rewrite import editor as module
from forebay.rewrite.editor import Editor
from forebay.rewrite.load import RuleSet, read_file
from forebay.rewrite.rule import Phase

NOW = 1_700_000_000.0


@pytest.fixture(name="made")
def _made(tmp_path):
    def make(rules: str) -> Editor:
        path = tmp_path / "rewrite.yaml"
        path.write_text(rules, encoding="utf-8")
        found = Editor(clock=lambda: NOW, new_id=lambda: "id")
        found.rules = RuleSet(read_file(path, {}))
        return found

    return make


def get(path: str = "/x", *, method: str = "GET", body: bytes | None = b"", **fields: str):
    headers = http.Headers([(b"Host", b"a.example"), (b"Accept-Encoding", b"gzip, dcb, br;q=0.5")])
    flow = tflow.tflow(
        req=tutils.treq(
            host="a.example", method=method.encode(), path=path.encode(), headers=headers
        )
    )
    for name, value in fields.items():
        flow.request.headers[name.replace("_", "-")] = value
    flow.request.data.content = body
    outcome.begin(flow)
    bodies.begin(flow)
    return flow


def answered(flow, body=b"text", status=200, **fields):
    flow.response = tutils.tresp(status_code=status, headers=http.Headers())
    for name, value in fields.items():
        flow.response.headers[name.replace("_", "-")] = value
    flow.response.data.content = body
    return flow


def done(result):
    """Await what a hook gives, if it gives something."""
    if inspect.isawaitable(result):

        async def wait():
            await result

        asyncio.run(wait())


def entry(flow):
    return outcome.of(flow)["rewrite"][-1]


class TestBodies:
    RULES = "rules: [{id: b, response: {body: {replace: {text: other}}}}]"

    def edited(self, editor, flow):
        editor.response(flow)
        done(editor.whole(flow, Phase.RESPONSE))
        return flow.response.raw_content

    def test_a_stored_one_is_edited(self, made):
        """It is there at the head already."""
        flow = answered(get(), etag='"1"')
        outcome.of(flow)["answer"] = "cache"

        assert self.edited(made(self.RULES), flow) == b"other"
        assert flow.response.headers["etag"] == 'W/"1"'
        assert entry(flow)["changes"] == [
            {"field": "body", "before": "4 bytes", "after": "5 bytes"}
        ]

    def test_a_long_one_is_edited_in_a_thread(self, made):
        editor, flow = made(self.RULES), answered(get(), b"text" * 50_000)
        editor.response(flow)
        result = editor.whole(flow, Phase.RESPONSE)

        assert inspect.isawaitable(result)
        done(result)
        assert flow.response.raw_content == b"other" * 50_000

    @pytest.mark.parametrize(
        ("flow", "reason"),
        [
            pytest.param(lambda: answered(get(method="HEAD"), b""), None, id="HEAD"),
            pytest.param(lambda: answered(get(), b"", status=304), None, id="304"),
            pytest.param(lambda: answered(get(), b""), None, id="empty"),
            pytest.param(lambda: answered(get(), status=206), "a part of a body (206)", id="206"),
            pytest.param(
                lambda: answered(get(), content_encoding="x-new"),
                "the content coding x-new",
                id="coding",
            ),
        ],
    )
    def test_what_has_none_to_edit_is_left_alone(self, made, flow, reason):
        found = flow()
        before = found.response.raw_content

        assert self.edited(made(self.RULES), found) == before
        assert entry(found).get("skipped") == reason

    def test_an_empty_one_can_be_given_a_text(self, made):
        flow = answered(get(), b"", content_length="0")

        assert self.edited(made("rules: [{response: {body: {text: new}}}]"), flow) == b"new"
        assert flow.response.headers["content-length"] == "3"

    def test_one_that_another_script_streams_is_left_alone(self, made):
        flow = answered(get(), None)

        assert self.edited(made(self.RULES), flow) is None
        assert entry(flow)["skipped"] == "streamed by another script"

    def test_one_that_outgrows_its_limit_is_noted_once(self, made):
        editor, flow = made(self.RULES), answered(get(), None)
        editor.response(flow)

        for wanted in bodies._of(flow).response.wanted:
            wanted.passed()
        done(editor.whole(flow, Phase.RESPONSE))

        assert entry(flow)["skipped"] == "longer than 1,000,000 bytes, or without end"

    def test_a_failure_leaves_it_and_is_told_once(self, made, monkeypatch, caplog):
        def fails(*_: object, **__: object) -> None:
            raise ZeroDivisionError("no reason")

        monkeypatch.setattr(module.body, "edit", fails)
        editor = made(self.RULES)
        for content in (b"text", b"text" * 50_000, b"text"):
            assert self.edited(editor, answered(get(), content)) == content

        assert caplog.messages == [
            "rewrite: the response was left as it is: ZeroDivisionError: no reason"
        ]


class TestWhole:
    RULES = """
rules:
  - {id: other, match: {host: b.example}, response: {body: {text: x}}}
  - {id: b, match: {path: /x, status: 200}, response: {body: {text: x}}}
"""

    def test_no_part_and_no_unknown_coding_is_asked_for(self, made):
        """Of what a rule is going to edit; it is on record as that rule's doing."""
        flow = get(range="bytes=0-3", if_range='"1"')

        made(self.RULES).request(flow)

        assert "range" not in flow.request.headers
        assert "if-range" not in flow.request.headers
        assert flow.request.headers["accept-encoding"] == "gzip, br;q=0.5"
        assert (entry(flow)["id"], entry(flow)["phase"]) == ("b", "request")
        assert {change["field"] for change in entry(flow)["changes"]} == {
            "range",
            "if-range",
            "Accept-Encoding",
        }

    @pytest.mark.parametrize("path", ["/y", "/x"])
    def test_other_requests_stay_as_they_are(self, made, path):
        """And those of rules that only try."""
        rules = self.RULES.replace("{id: b,", "{id: b, mode: shadow,")
        flow = get(path, range="bytes=0-3")
        before = flow.request.headers.fields

        made(rules if path == "/x" else self.RULES).request(flow)

        assert flow.request.headers.fields == before
        assert "rewrite" not in outcome.of(flow)

    def test_when_nothing_is_left_no_coding_is_asked_for(self, made):
        flow = get(accept_encoding="dcb")

        made(self.RULES).request(flow)

        assert flow.request.headers["accept-encoding"] == "identity"


class TestFiles:
    def answer(self, made, tmp_path: Path, given: str, path: str = "/x", **more: str):
        (tmp_path / "site").mkdir(exist_ok=True)
        (tmp_path / "site" / "a.json").write_bytes(b"{}")
        (tmp_path / "site" / "long.bin").write_bytes(bytes(1_000_001))
        editor = made(f"rules: [{{id: f, request: {{answer: {{{given}}}}}}}]")
        flow = get(path, **more)
        result = editor.request(flow)
        assert inspect.isawaitable(result)
        done(result)
        return flow

    def test_a_file_has_its_type(self, made, tmp_path):
        flow = self.answer(made, tmp_path, "file: site/a.json, headers: {X-Id: '{uuid}'}")

        response = flow.response
        assert (response.status_code, response.raw_content) == (200, b"{}")
        assert response.headers["content-type"] == "application/json; charset=utf-8"
        assert response.headers["x-id"] == "id"
        assert outcome.answered_by(flow) == "rewrite"

    def test_a_type_of_the_rule_goes_first(self, made, tmp_path):
        flow = self.answer(made, tmp_path, "file: site/a.json, headers: {Content-Type: text/x}")

        assert flow.response.headers.get_all("content-type") == ["text/x"]

    @pytest.mark.parametrize(("missing", "status"), [("answer", 404), ("pass", None)])
    def test_what_is_missing(self, made, tmp_path, missing, status):
        flow = self.answer(made, tmp_path, f"folder: site, missing: {missing}", "/none")

        assert (flow.response and flow.response.status_code) == status
        assert entry(flow).get("skipped") == (None if status else "no such file")

    @pytest.mark.parametrize("available", [True, False])
    def test_a_long_one_is_fed(self, made, tmp_path, available):
        """Where this mitmproxy can be made to; else the request goes on, and it is noted."""
        if available:
            source.PATCH.install()
        try:
            flow = self.answer(made, tmp_path, "file: site/long.bin")
        finally:
            source.PATCH.uninstall()

        if available:
            assert flow.response.headers["content-length"] == "1000001"
            assert flow.response.raw_content is None
            source.discard(flow)
        else:
            assert flow.response is None
            assert "long file" in entry(flow)["failed"]

    def test_one_that_cannot_be_read_is_missing_and_the_reason_is_noted(
        self, made, tmp_path, monkeypatch
    ):
        def fails(answer: object, path: str) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(module.localfile, "find", fails)
        flow = self.answer(made, tmp_path, "file: site/a.json")

        assert flow.response.status_code == 404
        assert entry(flow)["failed"] == "cannot read its file: Permission denied"

    def test_a_client_that_has_left_meanwhile_is_not_answered(self, made, tmp_path, monkeypatch):
        begun, free = threading.Event(), threading.Event()

        def waits(answer: object, path: str) -> None:
            begun.set()
            assert free.wait(20)

        (tmp_path / "a.json").write_bytes(b"{}")
        monkeypatch.setattr(module.localfile, "find", waits)
        flow = get()
        result = made("rules: [{request: {answer: {file: a.json}}}]").request(flow)

        async def run():
            task = asyncio.ensure_future(result)
            await asyncio.to_thread(begun.wait, 20)
            flow.error = tflow.terr()
            free.set()
            await task

        asyncio.run(run())
        assert flow.response is None


def test_an_answer_without_a_body_has_no_length(made):
    flow = get()

    made("rules: [{request: {answer: {status: 204, headers: {X: '1'}}}}]").request(flow)

    assert flow.response.status_code == 204
    assert list(flow.response.headers) == ["X"]


@pytest.mark.parametrize(
    "answer", ["redirect: '/{url.query.q}'", "answer: {status: 403, headers: {X: '{url.query.q}'}}"]
)
def test_no_client_wards_off_an_answer(made, answer):
    """By what would break out of its head: then the origin does not answer either."""
    flow = get("/?q=a%0d%0ab")

    made(f"rules: [{{request: {{{answer}}}}}]").request(flow)

    assert flow.response.status_code == entry(flow)["answer"] == 502
    assert "control character" in entry(flow)["failed"]


def test_why_an_answer_cannot_be_made_tells_no_secret(made):
    flow = get(cookie="sid=s3cret")

    made("rules: [{request: {redirect: 'https://{cookie.sid}@x.example/'}}]").request(flow)

    assert flow.response.status_code == 502
    assert "s3cret" not in str(entry(flow))


def test_request_bodies(made):
    editor = made("rules: [{id: r, request: {body: {json: {set: {/a: 2}}}}}]")
    flow = get(method="POST", body=None, content_length="7")
    editor.request(flow)
    assert bodies._of(flow).request.wanted
    flow.request.data.content = b'{"a":1}'

    done(editor.whole(flow, Phase.REQUEST))

    assert flow.request.raw_content == b'{"a":2}'
    assert editor.whole(flow, Phase.REQUEST) is None  # once
