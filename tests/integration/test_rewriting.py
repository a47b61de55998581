"""Header rules on real traffic: streamed bodies, hits, reload."""

from __future__ import annotations

import pytest

from origins import Origin, Reply, cacheable

pytestmark = pytest.mark.integration

RULES = """\
rules:
  - id: demo
    match: {host: localhost, path: /r/*, method: GET}
    request:
      set: {X-Set: one}
      default: {X-Default: mine, X-Given: mine}
      remove: [X-Gone]
      append: {X-More: two}
    response:
      set: {X-Answer: ruled}
      remove: [Server]
  - id: errors
    match: {host: localhost, status: 5xx}
    response:
      set: {X-Failed: "yes"}
"""


@pytest.fixture(name="rules")
def _rules(tmp_path):
    path = tmp_path / "home" / "rules" / "rewrite.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(RULES, encoding="utf-8")
    return path


@pytest.mark.usefixtures("rules")
@pytest.mark.parametrize("http2", [False, True])
def test_requests_and_responses_are_edited(start_proxy, client_of, authority, http2):
    """Where host, path and method match; nothing else is touched."""
    proxy = start_proxy()

    def handle(seen):
        return Reply(status=500 if seen.target.endswith("fail") else 200, headers=[("Server", "x")])

    with Origin(handle, tls=authority.context()) as origin:
        client = client_of(proxy, http2=http2)
        given = {"X-Gone": "1", "X-Given": "theirs", "X-More": "one"}
        ruled = client.get(origin.url("/r/a", "localhost"), headers=given)
        other = client.get(origin.url("/other", "localhost"), headers=given)
        failed = client.get(origin.url("/fail", "localhost"))

    first, second, _ = origin.seen
    assert first.header("x-set") == "one"
    assert first.header("x-default") == "mine"
    assert first.header("x-given") == "theirs"
    assert first.header("x-gone") is None
    assert [value for name, value in first.headers if name == "x-more"] == ["one", "two"]
    assert ruled.headers["x-answer"] == "ruled"
    assert "server" not in ruled.headers
    assert second.header("x-set") is None
    assert second.header("x-gone") == "1"
    assert other.headers["server"] == "x"
    assert failed.headers["x-failed"] == "yes"


@pytest.mark.usefixtures("rules")
def test_a_streamed_answer_is_edited(start_proxy, client_of):
    """Its head leaves before its body has come."""
    proxy = start_proxy()
    with Origin(lambda seen: Reply(pieces=[b"x" * 100_000] * 10)) as origin:
        answer = client_of(proxy).get(origin.url("/r/big", "localhost"))

    assert answer.headers["x-answer"] == "ruled"
    assert len(answer.content) == 1_000_000


def test_a_hit_is_edited_and_the_store_holds_what_the_origin_sent(start_proxy, client_of, rules):
    """Stored with a rule on; without the rule the hit has the origin's own head."""
    proxy = start_proxy()
    with Origin(cacheable()) as origin:
        client = client_of(proxy)
        url = origin.url("/r/stored", "localhost")
        assert client.get(url).headers["x-answer"] == "ruled"
        hit = client.get(url)
        assert hit.headers["x-answer"] == "ruled"
        assert "hit" in hit.headers["cache-status"]

        rules.write_text("rules: []\n", encoding="utf-8")
        proxy.wait_for(r"rewrite: \d+ rules? \(reloaded\)")
        plain = client.get(url)

        assert "x-answer" not in plain.headers
        assert "hit" in plain.headers["cache-status"]
        assert len(origin.seen) == 1


def test_a_broken_edit_keeps_the_last_good_rules(start_proxy, client_of, rules):
    """All errors at once, each with its line; then a good edit takes effect."""
    proxy = start_proxy()
    with Origin() as origin:
        client = client_of(proxy)
        url = origin.url("/r/a", "localhost")

        rules.write_text(
            "rules:\n  - response:\n      sett: {A: b}\n  - match: {hots: x}\n", encoding="utf-8"
        )
        proxy.wait_for(r"rewrite\.yaml:3: .*sett")
        proxy.wait_for(r"rewrite\.yaml:4: .*hots")
        assert client.get(url).headers["x-answer"] == "ruled"

        rules.write_text(RULES.replace("ruled", "edited"), encoding="utf-8")
        proxy.wait_for(r"rewrite: \d+ rules? \(reloaded\)")
        assert client.get(url).headers["x-answer"] == "edited"
