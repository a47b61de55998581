"""``forebay check URL``."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from cache.builders import entry, head
from cache.folders import of
from cache.folders import written as cached
from forebay.cache.entry import VaryIndex
from forebay.cache.load import load, sources
from forebay.cache.rule import key_for
from forebay.cache.selection import of_url, target_of
from forebay.cli import check
from origins import Origin, cacheable

OWN = """\
! mine
||ads.example^
/banner/*$script,third-party
@@||ads.example/ok/
||t.example^$redirect=noop.js
"""


@pytest.fixture
def run(tmp_path, capsys):
    rules = tmp_path / "home" / "rules"
    (rules / "blocklists").mkdir(parents=True)
    (rules / "blocklists" / "own.txt").write_text(OWN, encoding="utf-8")
    (tmp_path / "shipped").mkdir()

    def call(*arguments: str) -> tuple[int, str, str]:
        places = ["--home", str(tmp_path / "home"), "--rules", str(tmp_path / "shipped")]
        places += ["--confdir", str(tmp_path / "confdir")]
        status = check.run([*places, *arguments])
        return status, *capsys.readouterr()

    call.rules = rules
    return call


def test_what_is_blocked_names_rule_file_and_line(run):
    status, out, err = run("https://x.ads.example/a?b")

    assert (status, err) == (1, "")
    assert out.splitlines() == [
        "blocked: https://x.ads.example/a?b",
        "  because   x.ads.example lies below ads.example",
        "  rule      ||ads.example^",
        f"            {run.rules / 'blocklists' / 'own.txt'}:2",
        "  asked as  other, unknown party, GET",
        "rules that match, in the order of lists and lines:",
        "  own:2  block: ||ads.example^ (decides)",
    ]


def test_what_is_excepted_shows_both_rules(run):
    status, out, _ = run("https://ads.example/ok/x")

    assert status == 0
    assert "own:2  block: ||ads.example^ (overruled by the exception)" in out
    assert "own:4  exception: @@||ads.example/ok/ (decides)" in out


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["https://a.example/banner/x"], 0),
        (["https://a.example/banner/x", "--type", "script"], 0),
        (["https://a.example/banner/x", "--type", "script", "--source", "https://b.example/"], 1),
        (["https://a.example/banner/x", "--type", "script", "--source", "https://w.a.example"], 0),
        (["https://good.example/"], 0),
    ],
)
def test_type_and_source_count(run, arguments, status):
    assert run(*arguments)[0] == status


def test_json_is_for_programs(run):
    status, out, _ = run("https://t.example/x", "--json", "--type", "script")
    found = json.loads(out)

    assert status == 1
    assert found["action"] == "block"
    assert (found["rule"], found["list"], found["line"]) == (
        "||t.example^$redirect=noop.js",
        "own",
        5,
    )
    assert [match["fate"] for match in found["matches"]] == ["decides"]


def test_a_policy_is_named(run):
    (run.rules / "policies.yaml").write_text(
        "policies: [{id: kids, clients: [10.0.0.0/8], mode: off}]", encoding="utf-8"
    )

    assert run("https://ads.example/")[0] == 1
    status, out, _ = run("https://ads.example/", "--client", "10.1.2.3")
    assert status == 0
    assert "because   the policy kids blocks nothing" in out


def test_a_further_list_counts(run, tmp_path):
    extra = tmp_path / "extra.txt"
    extra.write_text("extra.example", encoding="utf-8")

    assert run("https://extra.example/", "--list", str(extra))[0] == 1


def test_lists_never_fetched_are_said(run):
    (run.rules / "lists.yaml").write_text(
        'lists: [{name: far, url: "https://lists.example/x"}]', encoding="utf-8"
    )

    status, _, err = run("https://good.example/")

    assert status == 0
    assert err == "forebay check: unfiltered, as never fetched: far\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ads.example"], "expected an absolute URL, found 'ads.example'"),
        (["ftp://ads.example/"], "expected an http, https, ws or wss URL, found 'ftp:"),
        (["http:///x"], "expected an absolute URL, found"),
        (["http://a b/"], "expected a URL with a host, found"),
        (["http://a\x07b\n/"], "expected a URL with a host, found 'http://a\\x07b\\n/'"),
        (["http://\ufffd.example/"], "expected a URL with a host, found"),
        (["http://a..example/"], "expected a URL with a host, found"),
        ([f"http://{'a' * 64}.example/"], "expected a URL with a host, found"),
        (["http://a.example:0/"], "expected a port from 1 to 65535, found 0"),
        (["http://a.example:65536/"], "expected a port from 1 to 65535, found 65536"),
        (["http://a.example/\ud800"], "expected a URL of characters, found halves"),
        (["https://a.example/", "--home", "~nobody-at-all"], "--home: expected a path"),
        (
            ["https://a.example/", "--rules", "/no/such"],
            "--rules: expected a folder, found nothing",
        ),
        (["https://a.example/", "--cache-ram-bytes", "much"], "cache_ram_bytes: expected a size"),
        (["https://a.example/", "--fetch", "--status", "200"], "expected --fetch or a response"),
        (["https://a.example/", "--source", "b"], "--source: expected an absolute URL, found 'b'"),
    ],
)
def test_bad_input_is_one_line(run, arguments, message):
    status, out, err = run(*arguments)

    assert (status, out) == (2, "")
    assert err.startswith(f"forebay check: {message}")
    assert err.count("\n") == 1


@pytest.mark.parametrize("method", ["get", "G T", ""])
def test_a_wrong_method_is_said(run, capsys, method):
    with pytest.raises(SystemExit) as exit_:
        run("https://a.example/", "--method", method)

    assert exit_.value.code == 2
    assert "--method: expected a method such as GET" in capsys.readouterr().err


def test_a_wrong_group_is_said(run):
    status, out, err = run("https://a.example/", "--rewrite-group", "no-such")

    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("forebay check: rewrite_groups: expected a group of rules (")


def test_a_wrong_type_lists_the_right_ones(run, capsys):
    with pytest.raises(SystemExit) as stopped:
        run("https://a.example/", "--type", "banner")

    assert stopped.value.code == 2
    assert "'subdocument'" in capsys.readouterr().err


class TestCache:
    URL = "https://good.example/x"

    @pytest.fixture
    def folder(self, tmp_path):
        return tmp_path / "home" / "cache"

    @staticmethod
    def last(out: str) -> str:
        return out.splitlines()[-1]

    def test_without_a_folder_nothing_is_stored(self, run, folder):
        folder.mkdir()
        status, out, err = run(self.URL)
        assert (status, err) == (0, "")
        assert self.last(out) == "cache: miss (not stored)"

    def test_without_a_cache_it_has_no_say(self, run):
        assert "cache:" not in run(self.URL, "--cache", "false")[1]
        assert json.loads(run(self.URL, "--cache", "false", "--json")[1])["cache"] is None

    def test_a_stored_response_is_told_beside_a_running_proxy(self, run, folder):
        fresh = of(self.URL, received_at_s=time.time(), cache_control="max-age=6000")
        with cached(folder, fresh):
            status, out, err = run(self.URL)
            assert (status, err) == (0, "")
            *_, decision, stored, lifetime = out.splitlines()
            assert decision == "cache: hit (fresh)"
            assert stored.startswith("  stored    status 200, 5 bytes, fresh for 59")
            assert lifetime.startswith("  lifetime  6000 s by max-age (§5.2.2.1), age ")
            found = json.loads(run(self.URL, "--json")[1])
            assert (found["answered_by"], found["cache"]["result"]) == ("cache", "hit")
            assert found["cache"]["response"]["status"] == 200
            assert 5900 < found["cache"]["ttl_s"] <= 6000

    def test_a_stale_one_is_told(self, run, folder):
        with cached(folder, of(self.URL)):
            lines = run(self.URL)[1].splitlines()
        assert lines[-4] == "cache: stale (stale)"
        assert ", stale for " in lines[-3]
        assert lines[-1] == "  asks with If-None-Match"

    def test_one_that_is_not_stored_is_told(self, run, folder):
        with cached(folder, of(self.URL)):
            assert self.last(run("https://good.example/y")[1]) == "cache: miss (not stored)"

    def test_variants_are_told(self, run, folder):
        index = VaryIndex(((b"accept", b"x-a"), (b"accept",)), 5.0)
        with cached(folder, {of_url(self.URL).key: index}):
            *_, decision, varies = run(self.URL)[1].splitlines()
        assert (decision, varies) == ("cache: miss (vary)", "  varies    by accept, x-a")

    def test_rules_that_split_the_key_count(self, run, folder):
        (run.rules / "cache.yaml").write_text("rules: [{key: {fields: Accept}}]", encoding="utf-8")
        target = replace(target_of(self.URL), method=b"GET")
        (rule,) = load(sources(run.rules, run.rules))
        key = key_for(rule, target, head(accept="text/css"))
        fresh = entry(received_at_s=time.time(), cache_control="max-age=600")
        with cached(folder, {key: fresh}):
            given = ["--request-header", "Accept: text/css"]
            assert "cache: hit (fresh)" in run(self.URL, *given)[1]
            assert "cache: miss (not stored)" in run(self.URL)[1]

    def test_another_folder_can_be_named(self, run, tmp_path):
        with cached(tmp_path / "other", of(self.URL)):
            out = run(self.URL, "--cache-dir", str(tmp_path / "other"))[1]
        assert "cache: stale (stale)" in out

    def test_other_methods_and_schemes_are_never_stored(self, run, folder):
        with cached(folder, of(self.URL)):
            assert self.last(run(self.URL, "--method", "POST")[1]) == "cache: bypass (method)"
            assert self.last(run("wss://good.example/x")[1]) == "cache: bypass (upgrade)"

    def test_a_damaged_cache_does_not_hide_the_verdict(self, run, folder):
        with cached(folder, {of_url(self.URL).key: entry()}):
            pass
        (folder / "objects" / "cache.db").write_bytes(b"x" * 9000)

        status, out, err = run(self.URL)

        assert status == 0 and out.startswith("allowed:")
        assert err.startswith("forebay check: cache: expected a sound database in")
        assert err.count("\n") == 1

    def test_nor_does_one_of_a_newer_format(self, run, folder):
        folder.mkdir()
        (folder / "format").write_text("99", encoding="ascii")

        status, out, err = run(self.URL)

        assert status == 0 and out.startswith("allowed:")
        assert "expected a cache of format" in err and err.count("\n") == 1


class TestRewrite:
    URL = "https://good.example/x?q=1"
    RULES = """\
rules:
  - {id: one, match: {host: good.example}, request: {set: {X-A: 1}}}
  - {id: off, group: dev, match: {host: good.example}, request: {set: {X-B: 1}}}
  - {id: late, match: {host: good.example, status: 404}, response: {status: 410}}
"""

    @pytest.fixture
    def file(self, run, tmp_path):
        (tmp_path / "shipped" / "rewrite.yaml").write_text("", encoding="utf-8")
        file = run.rules / "rewrite.yaml"
        file.write_text(self.RULES, encoding="utf-8")
        return file

    def test_what_rules_would_do_is_told_after_the_verdict(self, run, file):
        status, out, err = run(self.URL, "--rewrite-group=-dev")

        assert (status, err) == (0, "")
        assert out.splitlines()[3:] == [
            f"rewrite: one ({file}:2)",
            "  X-A: (absent) -> 1",
            f"rewrite: may edit the response: late ({file}:4)",
            "cache: miss (not stored)",
        ]

    def test_of_what_is_blocked_there_is_nothing_to_tell(self, run, file):
        """No rule sees it."""
        file.write_text(self.RULES.replace("good", "ads"), encoding="utf-8")

        assert "rewrite" not in run("https://ads.example/")[1]
        assert json.loads(run("https://ads.example/", "--json")[1])["rewrite"] is None

    def test_without_rules_for_it_there_is_no_line(self, run, file):
        out = run("https://other.example/")[1]

        assert "rewrite" not in out
        assert json.loads(run("https://other.example/", "--json")[1])["rewrite"] == {
            "request": [],
            "response": [],
            "answers": None,
        }

    def test_json_has_it_in_plain_types(self, run, file):
        found = json.loads(run(self.URL, "--json", "--rewrite-group=-dev")[1])["rewrite"]

        assert found == {
            "request": [
                {
                    "file": str(file),
                    "id": "one",
                    "line": 2,
                    "phase": "request",
                    "changes": [{"field": "X-A", "before": None, "after": "1"}],
                }
            ],
            "response": [{"file": str(file), "mode": "act", "id": "late", "line": 4}],
            "answers": None,
        }

    def test_handshakes_of_websockets_are_edited_too(self, run, file):
        assert f"rewrite: one ({file}:2)" in run("wss://good.example/x")[1]

    def test_mistakes_in_rules_do_not_hide_the_verdict(self, run, file):
        file.write_text("rules: [{sett: 1, stop: true}, {stop: maybe}]", encoding="utf-8")

        status, out, err = run(self.URL)

        assert status == 0 and out.startswith("allowed:")
        assert [line.partition(f"{file}:1:")[0] for line in err.splitlines()] == [
            "forebay check: rewrite: "
        ] * 2
        assert json.loads(run(self.URL, "--json")[1])["rewrite"] is None


def test_a_described_response_is_judged(run):
    arguments = ("https://good.example/x", "--response-header", "Cache-Control: no-store")

    status, out, _ = run(*arguments)
    assert status == 0
    assert out.splitlines()[-1] == (
        "cache: would not store the described response (status 200): no-store"
    )
    assert json.loads(run(*arguments, "--json")[1])["storing"]["reason"] == "no-store"
    assert run("wss://good.example/", "--status", "200")[0] == 2


def test_every_name_of_the_host_is_judged(run):
    (run.rules / "blocklists" / "own.txt").write_text("||localhost^", encoding="utf-8")

    status, out, _ = run("http://0/x", "--json")

    assert status == 1
    assert json.loads(out)["names"] == ["0.0.0.0", "127.0.0.1", "localhost"]


def test_the_rule_of_the_cache_is_named(run):
    (run.rules / "cache.yaml").write_text("rules: [{bypass: true}]", encoding="utf-8")

    assert f"cache: rule {run.rules / 'cache.yaml'}:1, bypass" in run("https://good.example/")[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--list", "~nobody-at-all/x"], "blocklist_files: expected a path"),
        (["--list", "/no/such"], "blocklist_files: cannot read /no/such"),
    ],
)
def test_without_the_lists_the_rest_is_told(run, arguments, message):
    """Whatever they say."""
    status, out, err = run("https://a.example/", *arguments)

    assert (status, err.count("\n")) == (2, 1)
    assert err.startswith(f"forebay check: {message}")
    assert out.splitlines()[:2] == [
        "unknown: https://a.example/",
        "  because   the blocklist cannot be read",
    ]
    assert out.splitlines()[-1] == "cache: miss (not stored)"
    assert json.loads(run("https://a.example/", *arguments, "--json")[1])["action"] is None


def test_mistakes_in_policies_are_each_a_line(run):
    (run.rules / "policies.yaml").write_text("policies: [{idd: a}, {id: b, mode: x}]", "utf-8")

    status, out, err = run("https://a.example/")

    assert status == 2 and out.startswith("unknown: ")
    assert all(line.startswith(f"forebay check: {run.rules}") for line in err.splitlines())
    assert len(err.splitlines()) > 1


class TestAfterRules:
    @pytest.fixture(autouse=True)
    def _shipped(self, run, tmp_path):
        (tmp_path / "shipped" / "rewrite.yaml").write_text("", encoding="utf-8")

    @staticmethod
    def write(run, rule: str) -> None:
        (run.rules / "rewrite.yaml").write_text(f"rules: [{rule}]", encoding="utf-8")

    def test_what_a_rule_leads_to_is_judged_again(self, run):
        self.write(run, "{id: m, match: {path: /m}, request: {url: 'http://ads.example/x'}}")

        status, out, _ = run("http://good.example/m")

        assert status == 1
        assert out.splitlines()[:3] == [
            "blocked: http://good.example/m",
            "  sent to   http://ads.example/x",
            "  because   ads.example is listed",
        ]
        found = json.loads(run("http://good.example/m", "--json")[1])
        assert (found["moved"], found["sent"]) == (True, "GET http://ads.example/x")
        assert (found["answered_by"], found["cache"]) == ("blocklist", None)

    def test_what_a_rule_answers_is_asked_of_nobody(self, run):
        """Not even with ``--fetch``: the port is nobody's."""
        self.write(run, "{id: r, request: {answer: {status: 418}}}")

        status, out, err = run("http://127.0.0.1:1/", "--fetch", "--json")
        found = json.loads(out)

        assert (status, err) == (0, "")
        assert (found["answered_by"], found["rewrite"]["answers"]) == ("rewrite", 418)
        assert found["cache"] is found["storing"] is found["sent"] is None

    def test_fetch_asks_for_what_rules_have_made_of_the_request(self, run):
        self.write(run, "{id: r, match: {path: /m}, request: {url: /x, set: {X-A: 1}}}")
        with Origin(cacheable(60)) as origin:
            status, out, _ = run(origin.url("/m"), "--fetch", "--request-header", "X-B: 2")

        assert (status, origin.targets()) == (0, ["/x"])
        assert (origin.seen[0].header("x-a"), origin.seen[0].header("x-b")) == ("1", "2")
        told = "cache: would store the fetched response (status 200), fresh for "
        assert out.splitlines()[-1].startswith(told)


def test_an_origin_that_is_not_there_is_one_line(run):
    status, out, err = run("http://127.0.0.1:1/", "--fetch")

    assert (status, out) == (2, "")
    assert err.startswith("forebay check: --fetch: expected an answer of 127.0.0.1:1, found")
    assert err.count("\n") == 1


class TestBypass:
    """What the field X-Forebay-Bypass says; by default of a client on this machine."""

    FIELD = ("--request-header", "X-Forebay-Bypass: block, cache")

    def test_what_may_be_bypassed_is(self, run):
        status, out, _ = run("http://ads.example/", *self.FIELD, "--forebay-bypass", "block,cache")

        assert status == 0
        assert out.splitlines()[0] == "bypassed: http://ads.example/"
        assert out.splitlines()[-1] == "cache: bypass (X-Forebay-Bypass)"

    def test_what_may_not_be_is_not(self, run):
        status, out, _ = run("http://ads.example/", *self.FIELD, "--json")
        found = json.loads(out)

        assert (status, found["action"]) == (1, "block")
        assert found["bypass"]["ignored"] == "not in forebay_bypass: block"

    def test_no_other_client_bypasses_anything(self, run):
        status, out, _ = run("http://good.example/", *self.FIELD, "--client", "192.0.2.1")

        assert (status, out.splitlines()[-1]) == (0, "cache: miss (not stored)")

    def test_a_wrong_option_is_one_line(self, run):
        status, out, err = run("http://good.example/", "--forebay-bypass", "all")

        assert (status, out, err.count("\n")) == (2, "", 1)
        assert "forebay_bypass: expected cache, rewrite or block" in err


class TestChanges:
    """What rules change without blocking."""

    @pytest.fixture(autouse=True)
    def _own(self, run):
        lines = [
            "$removeparam=utm_source",
            "||shop.example^$csp=img-src 'none'",
            "||shop.example^$header=x-ad,image",
            "/gone?b=1|",
        ]
        own = run.rules / "blocklists" / "own.txt"
        own.write_text("\n".join(lines), encoding="utf-8")

    def test_they_are_told_with_their_rules(self, run):
        status, out, _ = run("http://shop.example/?utm_source=1&b=%7e", "--type", "document")

        assert status == 0
        lines = out.splitlines()
        assert "  sent as   GET http://shop.example/?b=%7e" in lines
        assert "  removes   utm_source (own:1)" in lines
        assert "  adds      Content-Security-Policy: img-src 'none' (own:2)" in lines
        assert "  own:1  removeparam: $removeparam=utm_source (applies)" in lines

    def test_what_is_left_is_judged_again(self, run):
        """As the proxy does."""
        status, out, _ = run("http://shop.example/gone?utm_source=2&b=1")

        assert status == 1
        assert out.startswith("blocked: http://shop.example/gone?utm_source=2&b=1\n")
        assert "  sent to   http://shop.example/gone?b=1" in out
        assert "  removes   utm_source (own:1)" in out

    @pytest.mark.parametrize(("rounds", "ends"), [(3, "end"), (3, "fine"), (20, "fine")])
    def test_rules_take_out_one_after_the_other(self, run, rounds, ends):
        """And what is left in the end is judged; a chain without end is refused."""
        chain = [f"/q?p{n}=1$removeparam=p{n}" for n in range(rounds)]
        own = run.rules / "blocklists" / "own.txt"
        own.write_text("\n".join([*chain, "/q?end|"]), encoding="utf-8")
        query = "&".join([*(f"p{n}=1" for n in range(rounds)), ends])

        status, out, _ = run(f"http://shop.example/q?{query}", "--json")

        found = json.loads(out)
        is_let_through = rounds == 3 and ends == "fine"
        assert status == (0 if is_let_through else 1)
        assert (found["sent"] == "GET http://shop.example/q?fine") is is_let_through
        assert len(found["edits"]) == min(rounds, 9)

    def test_a_rule_about_responses_waits_for_one(self, run):
        _, out, _ = run("http://shop.example/a.png")

        assert "header: ||shop.example^$header=x-ad,image (if the response has it)" in out

    def test_programs_get_them_in_plain_types(self, run):
        _, out, _ = run("http://shop.example/?utm_source=1", "--json")

        (edit,) = json.loads(out)["edits"]
        assert (edit["kind"], edit["line"], edit["removed"]) == ("removeparam", 1, ["utm_source"])
        assert json.loads(out)["sent"] == "GET http://shop.example/"

    def test_a_request_that_goes_round_the_lists_stays(self, run):
        field = ["--request-header", "X-Forebay-Bypass: block", "--forebay-bypass", "block"]

        _, out, _ = run("http://shop.example/?utm_source=1", "--json", *field)

        assert json.loads(out)["edits"] == []
        assert json.loads(out)["sent"] == "GET http://shop.example/?utm_source=1"
