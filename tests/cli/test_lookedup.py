"""What the cache does with a request."""

from __future__ import annotations

import argparse
from dataclasses import replace

import pytest

from cache.builders import NOW, entry, head
from cache.folders import of, written
from forebay import outcome
from forebay.cache import vary
from forebay.cache.entry import VaryIndex
from forebay.cache.rule import Rule
from forebay.cache.selection import of_url
from forebay.cli import asking, lookedup, proxyoptions
from forebay.errors import ForebayError

URL = "http://a.example/x"


@pytest.fixture(name="found")
def _found(tmp_path):
    def found(*arguments: str, records=(), rules=(), now_s=NOW + 10, url=URL):
        parser = argparse.ArgumentParser()
        asking.add_arguments(parser)
        proxyoptions.add_arguments(parser)
        places = ["--home", str(tmp_path), "--confdir", str(tmp_path)]
        given = parser.parse_args([url, *arguments, *places])
        proxyoptions.fill(given)
        flow = asking.flow_for(given)
        with written(tmp_path / "cache", dict(records)):
            plan = lookedup.of_flow(flow, tuple(rules), given, now_s)
        plain = lookedup.as_plain(flow, plan, now_s)
        return plain, outcome.answered_by(flow), lookedup.in_words(plain)

    return found


def with_field(*lines: str) -> list[str]:
    return [part for line in lines for part in ("--request-header", line)]


@pytest.mark.parametrize(
    ("lines", "now_s", "result", "reason"),
    [
        ([], NOW + 59, "hit", "fresh"),
        ([], NOW + 60, "stale", "stale"),
        (["Cache-Control: no-cache"], NOW, "stale", "request no-cache"),
        (["Cache-Control: max-age=5"], NOW + 10, "stale", "request max-age"),
        (["Cache-Control: max-stale=9"], NOW + 65, "hit", "request max-stale"),
        (["Cache-Control: no-store"], NOW, "miss", "request no-store"),
        (["Cache-Control: only-if-cached"], NOW + 60, "miss", "only-if-cached, stale"),
        (["If-Match: a"], NOW, "bypass", "precondition"),
        (["Content-Length: 5"], NOW, "bypass", "request with a body"),
        (["Host: b.example"], NOW, "bypass", "names disagree"),
    ],
)
def test_it_is_decided_as_in_the_proxy(found, lines, now_s, result, reason):
    plain, _, words = found(*with_field(*lines), records=of(URL), now_s=now_s)

    assert (plain["result"], plain["reason"]) == (result, reason)
    assert words[0] == f"cache: {result} ({reason})"


def test_the_arithmetic_is_shown(found):
    plain, by, words = found(records=of(URL))

    assert words == [
        "cache: hit (fresh)",
        "  stored    status 200, 5 bytes, fresh for 50 s",
        "  lifetime  60 s by max-age (§5.2.2.1), age 10 s",
    ]
    assert (plain["age_s"], plain["ttl_s"], plain["response"]["lifetime_s"]) == (10, 50, 60)
    assert by == "cache"


def test_validation_names_its_fields(found):
    plain, by, words = found(records=of(URL), now_s=NOW + 61)

    assert plain["added"] == ["If-None-Match"]
    assert words[-1] == "  asks with If-None-Match"
    assert by is None


def test_what_may_be_stale_meanwhile_is_a_hit(found):
    later = of(URL, cache_control="max-age=1, stale-while-revalidate=60", etag='"a"')

    assert found(records=later)[0]["reason"] == "stale-while-revalidate"
    assert found("--method", "HEAD", records=later)[0]["reason"] == "stale"


def test_fields_select_the_variant(found):
    """And of the others it is said what they vary by."""
    said = vary.values((b"accept-language",), head(accept_language="de"))
    primary = of_url(URL).key
    records = {
        primary: VaryIndex(((b"accept-language",),), NOW),
        vary.variant_key(primary, said, NOW): replace(entry(), said=said),
    }

    assert found(*with_field("Accept-Language: DE"), records=records)[0]["result"] == "hit"
    plain, _, words = found(*with_field("Accept-Language: en"), records=records)
    assert (plain["result"], plain["reason"]) == ("miss", "vary")
    assert words == ["cache: miss (vary)", "  varies    by accept-language"]


def test_parts_answer_for_ranges_and_are_completed(found):
    part = of(URL, status=206, content_range="bytes 0-4/9", etag='"a"', cache_control="max-age=60")

    assert found(*with_field("Range: bytes=1-2"), records=part)[0]["result"] == "hit"
    plain, *_ = found(records=part)
    assert (plain["result"], plain["reason"]) == ("miss", "part stored")
    assert "Range" in plain["added"]


def test_rules_are_named(found):
    plain, *_ = found(records=of(URL), rules=[Rule("/c.yaml", 3, bypass=True)])

    assert plain["rule"] == {"file": "/c.yaml", "line": 3}
    assert plain["reason"] == "bypass"


def test_a_cache_in_memory_only_is_not_seen(found):
    assert found("--cache-size-bytes", "0", records=of(URL))[0]["reason"] == "not stored"


def test_without_a_folder_nothing_is_stored(found):
    assert found("--cache-dir", "/no/such")[0]["reason"] == "not stored"


def test_a_folder_of_a_newer_format_is_said(found, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "format").write_text("99", encoding="ascii")

    with pytest.raises(ForebayError, match="expected a cache of format"):
        found("--cache-dir", str(tmp_path / "other"))
