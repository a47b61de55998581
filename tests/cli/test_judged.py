"""The verdict on a request, and why."""

from __future__ import annotations

import argparse

import pytest

from forebay.cli import asking, inforce, judged, proxyoptions
from forebay.errors import ForebayError


@pytest.fixture(name="verdict")
def _verdict(tmp_path):
    rules = tmp_path / "rules"
    (rules / "blocklists").mkdir(parents=True)

    def of(text: str, url: str, *arguments: str, policies: str = "") -> judged.Judged:
        (rules / "blocklists" / "own.txt").write_text(text, encoding="utf-8")
        (rules / "policies.yaml").write_text(f"policies: [{policies}]", encoding="utf-8")
        parser = argparse.ArgumentParser()
        asking.add_arguments(parser)
        inforce.add_arguments(parser)
        proxyoptions.add_arguments(parser)
        places = ["--home", str(tmp_path), "--rules", str(tmp_path), "--confdir", str(tmp_path)]
        given = parser.parse_args([url, *arguments, *places])
        proxyoptions.fill(given)
        flow = asking.flow_for(given)
        return judged.of_flow(flow, inforce.lists_for(given), given)

    return of


@pytest.mark.parametrize(
    ("fields", "blocked"),
    [
        ([], False),
        (["Sec-Fetch-Dest: image"], False),
        (["Sec-Fetch-Dest: script"], False),
        (["Sec-Fetch-Dest: script", "Referer: https://b.example/"], True),
        (["Sec-Fetch-Dest: script", "Referer: https://a.example/"], False),
        (["Sec-Fetch-Dest: script", "Origin: https://b.example"], True),
        (["Sec-Fetch-Dest: script", "Sec-Fetch-Site: cross-site"], True),
    ],
)
def test_fields_tell_type_and_page(verdict, fields, blocked):
    """As they do in the proxy."""
    given = [part for each in fields for part in ("--request-header", each)]

    assert (
        verdict("/x$script,third-party", "https://a.example/x", *given).verdict.blocked is blocked
    )


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://a.example/x.js", "script"),
        ("https://a.example/x", "other"),
        ("wss://a.example/x", "websocket"),
    ],
)
def test_the_type_is_guessed_unless_it_is_given(verdict, url, kind):
    assert verdict("", url).requests[0].type == kind
    assert verdict("", url, "--type", "font").requests[0].type == "font"


def test_source_counts_more_than_fields(verdict):
    fields = ["--request-header", "Referer: https://a.example/", "--type", "script"]
    given = [*fields, "--request-header", "Sec-Fetch-Site: same-origin"]

    found = verdict(
        "/banner/$third-party",
        "https://a.example/banner/",
        *given,
        "--source",
        "https://b.example/",
    )

    assert found.verdict.blocked


@pytest.mark.parametrize("source", ["b", "b.example", "about:blank"])
def test_a_source_must_be_a_url(verdict, source):
    with pytest.raises(ForebayError, match="--source: expected an absolute URL, found"):
        verdict("", "https://a.example/", "--source", source)


@pytest.mark.parametrize(
    ("scheme", "exceptions", "line", "is_of_tunnel"),
    [
        ("http", "", 2, False),
        ("https", "", 1, True),
        ("https", "@@/else/\n", 2, False),
    ],
)
def test_a_tunnel_is_judged_by_its_host(verdict, scheme, exceptions, line, is_of_tunnel):
    """First, where nothing could save a request inside."""
    rules = f"||a.example^\n/banner/$important\n{exceptions}"

    found = verdict(rules, f"{scheme}://a.example/banner/")

    assert found.verdict.matched.line == line
    assert found.of_tunnel is is_of_tunnel
    told = "  decided   for the whole tunnel, by its host" in judged.in_words(found)
    assert told is is_of_tunnel


def test_too_many_names_are_refused(verdict):
    given = ["--request-header", "Host: " + ",".join(f"h{i}.example" for i in range(20))]

    assert verdict("", "http://a.example/", *given).verdict.reason.startswith("more names than")


def test_without_the_blocklist_all_is_allowed(verdict):
    found = verdict("||a.example^", "http://a.example/", "--blocklist", "false")

    assert (found.verdict.reason, found.matches) == ("not listed", [])
