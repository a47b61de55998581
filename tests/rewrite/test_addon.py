"""The hooks of both addons, and the life of the rules."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mitmproxy import ctx, exceptions, http
from mitmproxy.test import taddons, tflow, tutils

from forebay import outcome
from forebay.rewrite.addon import RewriteAddon
from forebay.rewrite.match import Matcher

RULES = """\
rules:
  - id: edit
    match: {host: www.example.com}
    request: {set: {Accept: text/html}, append: {Cookie: a=1}}
    response: {default: {X-Forebay: edited}, append: {Vary: Accept}}
  - id: errors
    match: {status: 4xx}
    response: {remove: Server}
"""


@contextmanager
def addon(tmp_path: Path, rules: str = RULES, **options: object) -> Iterator[RewriteAddon]:
    """Yield the addon as it is after the start, with *rules* shipped and no others."""
    shipped = tmp_path / "shipped"
    shipped.mkdir(exist_ok=True)
    (shipped / "rewrite.yaml").write_text(rules, encoding="utf-8")
    rewrite = RewriteAddon()
    with taddons.context(rewrite, rewrite.responses) as tctx:
        tctx.configure(
            rewrite, forebay_rules=str(shipped), forebay_home=str(tmp_path / "home"), **options
        )
        yield rewrite


def get(
    host: str = "www.example.com", *, http_version: bytes = b"HTTP/1.1", **fields: str
) -> http.HTTPFlow:
    flow = tflow.tflow(
        req=tutils.treq(
            host=host,
            path=b"/a?b=c",
            http_version=http_version,
            headers=http.Headers(
                [(b"Host", host.encode()), (b"accept", b"*/*"), (b"Accept", b"x")]
            ),
        )
    )
    flow.client_conn.sni = None
    for name, value in fields.items():
        flow.request.headers[name] = value
    outcome.begin(flow)
    return flow


def answer(flow: http.HTTPFlow, status: int = 200, http_version: bytes = b"HTTP/1.1") -> None:
    flow.response = tutils.tresp(
        status_code=status, http_version=http_version, headers=http.Headers(((b"Server", b"s"),))
    )


def applied(flow: http.HTTPFlow) -> list[tuple[str, str]]:
    return [(entry["phase"], entry["id"]) for entry in outcome.of(flow).get("rewrite", [])]


class TestRequests:
    def test_a_request_that_matches_is_edited_and_the_outcome_tells(self, tmp_path):
        flow = get()
        with addon(tmp_path) as rewrite:
            rewrite.requestheaders(flow)

        assert flow.request.headers.fields == (
            (b"Host", b"www.example.com"),
            (b"Accept", b"text/html"),
            (b"Cookie", b"a=1"),
        )
        assert outcome.of(flow)["rewrite"] == [
            {
                "id": "edit",
                "file": str(tmp_path / "shipped" / "rewrite.yaml"),
                "line": 2,
                "phase": "request",
                "changes": [
                    {"field": "Accept", "before": "*/*, x", "after": "text/html"},
                    {"field": "Cookie", "before": None, "after": "a=REDACTED"},
                ],
            }
        ]
        assert type(outcome.of(flow)["rewrite"][0]["phase"]) is str  # else flows are not saved
        json.dumps(outcome.of(flow))

    def test_http2_names_are_lower_case(self, tmp_path):
        flow = get(http_version=b"HTTP/2.0")
        with addon(tmp_path) as rewrite:
            rewrite.requestheaders(flow)

        assert [name for name, _ in flow.request.headers.fields] == [b"Host", b"accept", b"cookie"]

    @pytest.mark.parametrize("case", ["other host", "answered", "failed", "not live"])
    def test_others_stay_as_they_are(self, tmp_path, case):
        flow = get("other.example" if case == "other host" else "www.example.com")
        if case == "answered":
            answer(flow, 403)
        if case == "failed":
            flow.error = tflow.terr()
        if case == "not live":
            flow.live = False
        before = flow.request.headers.fields

        with addon(tmp_path) as rewrite:
            rewrite.requestheaders(flow)

        assert flow.request.headers.fields == before
        assert applied(flow) == []

    def test_one_that_goes_round_rules_is_edited_by_none(self, tmp_path):
        """Neither it nor its response."""
        flow = get()
        outcome.of(flow)["bypass"] = {"asked": ["rewrite"], "done": ["rewrite"], "ignored": None}
        before = flow.request.headers.fields
        with addon(tmp_path) as rewrite:
            rewrite.requestheaders(flow)
            answer(flow)
            rewrite.responses.responseheaders(flow)

        assert flow.request.headers.fields == before
        assert flow.response.headers.fields == ((b"Server", b"s"),)
        assert applied(flow) == []

    def test_a_head_that_comes_twice_is_edited_once_in_each_attempt(self, tmp_path):
        flow = get()
        with addon(tmp_path) as rewrite:
            rewrite.requestheaders(flow)
            once = flow.request.headers.fields
            rewrite.requestheaders(flow)

            assert flow.request.headers.fields == once
            outcome.begin(flow)  # replayed
            rewrite.requestheaders(flow)

        assert flow.request.headers.get_all("Cookie") == ["a=1", "a=1"]
        assert applied(flow) == [("request", "edit")]

    def test_a_request_that_is_replayed_stays_as_it_was_sent(self, tmp_path):
        flow = get()
        with addon(tmp_path) as rewrite:
            for _ in range(3):
                rewrite.requestheaders(flow)
                outcome.begin(flow)
                flow.is_replay = "request"

        assert flow.request.headers.get_all("Cookie") == ["a=1"]


class TestResponses:
    def test_one_that_takes_the_place_of_another_is_edited_as_well(self, tmp_path):
        """As a stored one does when an origin's breaks off."""
        flow = get()
        with addon(tmp_path) as rewrite:
            answer(flow, 404)
            for _ in range(2):
                rewrite.responses.responseheaders(flow)
            answer(flow)
            rewrite.responses.responseheaders(flow)

        assert flow.response.headers["X-Forebay"] == "edited"
        assert applied(flow) == [("response", "edit")]

    @pytest.mark.parametrize("answered_by", [None, "cache"])
    def test_a_response_that_matches_is_edited(self, tmp_path, answered_by):
        """One of the cache as well as one of the origin."""
        flow = get()
        answer(flow, 404)
        if answered_by:
            outcome.of(flow)["answer"] = answered_by
        with addon(tmp_path) as rewrite:
            rewrite.responses.responseheaders(flow)

        assert flow.response.headers.fields == ((b"X-Forebay", b"edited"), (b"Vary", b"Accept"))
        assert applied(flow) == [("response", "edit"), ("response", "errors")]

    def test_the_outcome_keeps_what_was_done_to_the_request(self, tmp_path):
        flow = get()
        with addon(tmp_path) as rewrite:
            rewrite.requestheaders(flow)
            answer(flow, http_version=b"HTTP/2.0")
            rewrite.responses.responseheaders(flow)
            rewrite.responses.responseheaders(flow)

        assert applied(flow) == [("request", "edit"), ("response", "edit")]
        assert flow.response.headers.fields[1:] == ((b"x-forebay", b"edited"), (b"vary", b"Accept"))

    @pytest.mark.parametrize("case", ["blocklist", "proxycore", "failed", "no response"])
    def test_our_own_pages_and_failures_are_left_alone(self, tmp_path, case):
        flow = get()
        if case != "no response":
            answer(flow, 404)
        if case == "failed":
            flow.error = tflow.terr()
        else:
            outcome.of(flow)["answer"] = case
        with addon(tmp_path) as rewrite:
            rewrite.responses.responseheaders(flow)

        assert applied(flow) == []
        assert flow.response is None or flow.response.headers["Server"] == "s"


def test_a_failure_leaves_the_head_untouched_and_warns_once(tmp_path, caplog, monkeypatch):
    def fails(self: Matcher, exchange: object, **_: object) -> None:
        raise ZeroDivisionError("no\nreason")

    monkeypatch.setattr(Matcher, "match", fails)
    flow = get()
    before = flow.request.headers.fields
    with addon(tmp_path) as rewrite:
        rewrite.requestheaders(flow)
        rewrite.requestheaders(flow)

    assert flow.request.headers.fields == before
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "rewrite: the request was left as it is: ZeroDivisionError: no reason")
    ]


class TestLife:
    def test_summary(self, tmp_path):
        with addon(tmp_path) as rewrite:
            assert rewrite.summary() == "rewrite 2 rules"
        with addon(tmp_path, rewrite=False) as rewrite:
            assert rewrite.summary() == "rewrite off"

    def test_it_can_be_switched_off(self, tmp_path):
        flow = get()
        with addon(tmp_path, rewrite=False) as rewrite:
            rewrite.requestheaders(flow)
            answer(flow)
            rewrite.responses.responseheaders(flow)

        assert applied(flow) == []

    def test_mistakes_at_the_start_are_error_lines(self, tmp_path, caplog):
        """On which mitmproxy leaves."""
        with addon(tmp_path, "rules:\n- stop: 2\n- id: ''\n", rewrite_files=["none.yaml"]):
            pass

        file = tmp_path / "shipped" / "rewrite.yaml"
        assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
            ("ERROR", f"{file}:2:3: stop: expected true or false, found '2'"),
            ("ERROR", f"{file}:3:3: id: expected one line of at most 100 characters, found ''"),
            ("ERROR", f"{file}:3:3: stop: expected request, response or stop: true, found a rule without any"),
            ("ERROR", "rewrite_files: cannot read none.yaml: No such file or directory"),
        ]  # fmt: skip

    def test_a_bad_option_at_run_time_is_refused_and_the_rules_stay(self, tmp_path):
        async def run() -> None:
            rewrite = RewriteAddon()
            with taddons.context(rewrite) as tctx:
                (tmp_path / "rewrite.yaml").write_text(RULES, encoding="utf-8")
                tctx.configure(
                    rewrite, forebay_rules=str(tmp_path), forebay_home=str(tmp_path / "h")
                )
                rewrite.running()
                with pytest.raises(
                    exceptions.OptionsError,
                    match=r"^rewrite_files: cannot read /no/such: No such file or directory$",
                ):
                    tctx.configure(rewrite, rewrite_files=["/no/such"])
                assert rewrite.summary() == "rewrite 2 rules"
                tctx.configure(rewrite, rewrite_files=[str(tmp_path / "rewrite.yaml")])
                tctx.configure(rewrite, showhost=True)
                rewrite.done()
                rewrite.done()

        asyncio.run(run())

    def test_done_after_half_a_start(self):
        RewriteAddon().done()


class TestReload:
    def reload(self, rewrite: RewriteAddon) -> None:
        asyncio.run(rewrite._files.renew())

    def test_an_edit_is_taken_over(self, tmp_path, caplog):
        caplog.set_level(logging.INFO)
        own = tmp_path / "home" / "rules" / "rewrite.yaml"
        with addon(tmp_path) as rewrite:
            own.parent.mkdir(parents=True)
            own.write_text("rules: [{request: {set: {X-Own: yes}}}]", encoding="utf-8")
            self.reload(rewrite)
            flow = get("any.example")
            rewrite.requestheaders(flow)

        assert flow.request.headers["X-Own"] == "yes"
        assert caplog.messages[-1] == "rewrite: 3 rules (reloaded)"

    def test_the_last_good_rules_stay_and_each_mistake_is_one_warning(self, tmp_path, caplog):
        file = tmp_path / "shipped" / "rewrite.yaml"
        with addon(tmp_path) as rewrite:
            file.write_text("rules:\n- stop: 2\n- stop: 3\n", encoding="utf-8")
            self.reload(rewrite)
            self.reload(rewrite)  # some other file of the folder was written
            assert rewrite.summary() == "rewrite 2 rules"
            file.unlink()
            self.reload(rewrite)
            assert rewrite.summary() == "rewrite 2 rules"

        assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
            ("WARNING", f"rewrite: rules not reloaded: {file}:2:3: stop: expected true or false, found '2'"),
            ("WARNING", f"rewrite: rules not reloaded: {file}:3:3: stop: expected true or false, found '3'"),
            ("WARNING", f"rewrite: rules not reloaded: forebay_rules: cannot read {file}: No such file or directory"),
        ]  # fmt: skip

    def test_edits_are_noticed(self, tmp_path, caplog):
        """Once mitmproxy is running; the watch takes a moment to be in place."""
        caplog.set_level(logging.INFO)
        file = tmp_path / "shipped" / "rewrite.yaml"

        async def run() -> None:
            with addon(tmp_path) as rewrite:
                rewrite.running()
                async with asyncio.timeout(20):
                    edits = 0
                    while rewrite.summary() != "rewrite 1 rule":
                        edits += 1
                        file.write_text("rules: [{stop: true}]\n" + "#" * edits, encoding="utf-8")
                        await asyncio.sleep(0.3)
                rewrite.done()

        asyncio.run(run())

        assert "rewrite: 1 rule (reloaded)" in caplog.messages

    def test_another_file_of_the_folder_is_no_edit(self, tmp_path, caplog):
        caplog.set_level(logging.INFO)
        with addon(tmp_path) as rewrite:
            (tmp_path / "shipped" / "other.txt").write_text("x", encoding="utf-8")
            self.reload(rewrite)

        assert caplog.messages == []

    @pytest.mark.parametrize("text", ["rules: []", "rules: ["])
    def test_a_reload_that_options_overtook_changes_nothing(self, tmp_path, caplog, text):
        caplog.set_level(logging.INFO)
        with addon(tmp_path) as rewrite:

            async def run() -> None:
                (tmp_path / "shipped" / "rewrite.yaml").write_text(text, encoding="utf-8")
                reload = asyncio.create_task(rewrite._files.renew())
                await asyncio.sleep(0)  # it is reading now
                rewrite._files.sources = rewrite._files.sources[:1]  # as configure does
                await reload

            asyncio.run(run())

            assert rewrite.summary() == "rewrite 2 rules"
        assert caplog.messages == []


GROUPS = """\
group: dev
enabled: false
rules:
  - {id: one, request: {set: {X-One: "1"}}}
  - {id: two, group: other, request: {set: {X-Two: "2"}}}
"""


class TestGroups:
    def headers(self, rewrite: RewriteAddon) -> set[str]:
        flow = get("any.example")
        rewrite.requestheaders(flow)
        return {name for name in flow.request.headers if name.startswith("X-")}

    def test_they_are_switched_by_option_and_command(self, tmp_path):
        with addon(tmp_path, GROUPS, rewrite_groups=["dev"]) as rewrite:
            assert self.headers(rewrite) == {"X-One"}
            assert rewrite.summary() == "rewrite 1 rule"
            rewrite.switch("other", True)
            assert self.headers(rewrite) == {"X-One", "X-Two"}
            rewrite.switch("dev", False)
            assert self.headers(rewrite) == {"X-Two"}
            assert ctx.options.rewrite_groups == ["other", "-dev"]

    def test_a_group_that_does_not_exist_is_named(self, tmp_path, caplog):
        """At the start, on which mitmproxy leaves, and by the command."""
        with addon(tmp_path, GROUPS, rewrite_groups=["devv"]):
            pass
        assert caplog.messages == [
            "rewrite_groups: expected a group of rules (dev, other), found 'devv'"
        ]
        with (
            addon(tmp_path, GROUPS) as rewrite,
            pytest.raises(exceptions.CommandError, match=r"\(dev, other\), found 'x'"),
        ):
            rewrite.switch("x", True)

    def test_a_reload_keeps_them(self, tmp_path):
        with addon(tmp_path, GROUPS, rewrite_groups=["dev"]) as rewrite:
            (tmp_path / "shipped" / "rewrite.yaml").write_text(GROUPS + "# edited", "utf-8")
            asyncio.run(rewrite._files.renew())
            assert self.headers(rewrite) == {"X-One"}


def test_the_command_lists_rules_and_how_often_they_applied(tmp_path):
    with addon(tmp_path, GROUPS, rewrite_groups=["dev"]) as rewrite:
        for _ in range(3):
            rewrite.requestheaders(get("any.example"))

        file = tmp_path / "shipped" / "rewrite.yaml"
        assert rewrite.rules() == [f"3 on one ({file}:4)", f"0 off two ({file}:5)"]


def test_environment_variables_are_for_rules_that_the_option_names(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("FOREBAY_TEST_TOKEN", "t0")
    rules = "rules: [{request: {set: {X-Token: '{env.FOREBAY_TEST_TOKEN}'}}}]"
    with addon(tmp_path, rules, rewrite_env=["FOREBAY_TEST_TOKEN"]) as rewrite:
        flow = get()
        rewrite.requestheaders(flow)
        assert flow.request.headers["X-Token"] == "t0"
    assert not caplog.messages


def test_other_environment_variables_are_a_mistake(tmp_path, monkeypatch, caplog):
    """A rule file from somewhere else must not send the environment out."""
    monkeypatch.setenv("FOREBAY_TEST_TOKEN", "t0")
    with addon(tmp_path, "rules: [{request: {set: {X: '{env.FOREBAY_TEST_TOKEN}'}}}]"):
        pass
    assert "option rewrite_env, found {env.FOREBAY_TEST_TOKEN}" in caplog.text


def test_the_status_counts_rules_and_uses(tmp_path):
    with addon(tmp_path) as rewrite:
        flow = get()
        rewrite.requestheaders(flow)
        rewrite.toggle("errors")

        found = rewrite.status()

        assert (found["rules"], found["rules_off"], found["applied"]) == (1, 1, 1)
        assert found["toggled"] == 1
        assert [each["path"] for each in found["files"]] == [
            str(tmp_path / "shipped" / "rewrite.yaml")
        ]
        assert found["problems"] == []


def test_the_status_of_rewriting_that_is_off(tmp_path):
    with addon(tmp_path, rewrite=False) as rewrite:
        assert rewrite.status() == {"on": False}
