"""Exports of Charles to rules: each sample is carried over, and tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from forebay.cli.importing import _check, as_yaml
from forebay.errors import ForebayError
from forebay.rewrite import lint
from forebay.rewrite.charles import imported_charles
from forebay.rewrite.exchange import values
from forebay.rewrite.parse import parse
from rewrite.builders import answered

HEAD = "<?xml version='1.0' encoding='UTF-8' ?>\n<?charles serialisation-version='2.0' ?>\n"


def charles(text, *, folders=()):
    found = imported_charles(
        (HEAD + text).encode(), "c.xml", is_folder=lambda path: path in folders, check=_check
    )
    assert lint.lint(parse(as_yaml(found), Path("f.yaml"))) == []
    return found


def location(tag="location", **parts):
    inner = "".join(f"<{name}>{text}</{name}>" for name, text in parts.items())
    return f"<{tag}>{inner}</{tag}>"


def places(*locations, enabled="true"):
    matches = [
        f"<locationMatch>{one}<enabled>{enabled}</enabled></locationMatch>" for one in locations
    ]
    return f"<locationPatterns>{''.join(matches)}</locationPatterns>"


def rewriting(number, *, phase="matchRequest", active="true", **parts):
    given = {"active": active, "ruleType": number, phase: "true", "replaceType": 2, **parts}
    inner = "".join(f"<{name}>{text}</{name}>" for name, text in given.items())
    return f"<rewriteRule>{inner}</rewriteRule>\n"


def sets(*rules, where=None, active="true"):
    hosts = places(location(host="a.example")) if where is None else where
    inner = f"<active>{active}</active><name>My set</name>\n<hosts>{hosts}</hosts>"
    rules_ = f"<rules>\n{''.join(rules)}</rules>"
    return f"<rewriteSet-array><rewriteSet>{inner}{rules_}</rewriteSet></rewriteSet-array>"


ADD = rewriting(1, newHeader="X-A", newValue="1")


def test_a_rule_has_a_comment_that_says_where_it_came_from():
    assert as_yaml(charles(sets(ADD))) == (
        "rules:\n# c.xml:5: Rewrite, 'My set', add header\n- match:\n    host: a.example\n"
        "  request:\n    append:\n      X-A: '1'\n"
    )


def test_a_name_cannot_break_out_of_its_comment():
    text = sets(ADD).replace("My set", "My\n- stop: true\u0085\u2028- x&#x9;")

    assert [line for line in as_yaml(charles(text)).splitlines() if "stop" in line] == [
        line for line in as_yaml(charles(text)).splitlines() if line.startswith("#")
    ]


def test_a_request_of_two_locations_is_edited_once():
    where = places(location(host="a.example"), location(path="/x"))
    text = as_yaml(charles(sets(ADD, where=where)))

    for url, expected in [("https://a.example/x", 1), ("https://b/x", 1), ("https://b/y", 0)]:
        assert len(values(answered(text, url).request.fields, b"x-a")) == expected


def test_a_rule_that_moves_a_request_does_not_keep_it_from_the_others():
    text = as_yaml(charles(sets(rewriting(4, newValue="b.example"), ADD)))
    found = answered(text, "https://a.example/x?y")

    assert found.exchange.url == "https://b.example/x?y"
    assert values(found.request.fields, b"x-a") == [b"1"]


HOST_RULE = rewriting(4, newValue="b.example")
PATH_RULE = rewriting(5, matchValue="/v1/", newValue="/v2/")


def test_path_and_host_of_a_request_are_both_changed():
    """Whichever stands first."""
    text = as_yaml(charles(sets(HOST_RULE, PATH_RULE)))

    assert answered(text, "https://a.example/v1/x").exchange.url == "https://b.example/v2/x"


@pytest.mark.parametrize(
    ("rules", "where", "said"),
    [
        ([HOST_RULE, ADD.replace("matchRequest", "matchResponse")], location(host="a.example"), "c.xml:6: Rewrite, 'My set', add header: behind host (c.xml:5) its"),
        ([HOST_RULE, PATH_RULE], location(host="a.example", path="/v1/*"), "c.xml:6: Rewrite, 'My set', path: behind host (c.xml:5) its"),
        ([rewriting(6, matchValue="a.", newValue="b."), PATH_RULE], location(host="a.example"), "c.xml:6: Rewrite, 'My set', path: behind URL (c.xml:5) its"),
        ([rewriting(10, matchHeader="q"), rewriting(10, matchHeader="p")], location(query="q=1&amp;p=2"), "remove query param: behind remove query param (c.xml:5) its"),
    ],
)  # fmt: skip
def test_what_a_moved_request_does_not_come_to_is_listed(rules, where, said):
    found = charles(sets(*rules, where=places(where)))

    assert len(found.rules) == len(found.left) == 1
    assert said in found.left[0]


def test_a_rule_for_both_messages_has_no_anchors():
    text = as_yaml(charles(sets(rewriting(1, newHeader="A", newValue="1", matchResponse="true"))))

    assert "&" not in text and text.count("A: '1'") == 2


@pytest.mark.parametrize(
    ("rule", "url", "expected"),
    [
        (rewriting(5, matchValue="/v1/", newValue="/v2/"), "https://a.example/v1/x?/v1/", "https://a.example/v2/x?/v1/"),
        (rewriting(5, matchValue="a", newValue="b"), "https://a.example/xaxa", "https://a.example/xaxa"),
        (rewriting(5, matchValue="a", newValue="b", replaceType=1), "https://a.example/xaxa", "https://a.example/xbxa"),
        (rewriting(6, matchValue="https://a.example/", newValue="http://b.example:81/"), "https://a.example/x?y", "http://b.example:81/x?y"),
        (rewriting(8, newHeader="q", newValue="1 2"), "https://a.example/", "https://a.example/?q=1%202"),
        (rewriting(9, matchHeader="q", matchValue="([0-9])", matchValueRegex="true", newValue="[$1]"), "https://a.example/?q=12", "https://a.example/?q=%5B1%5D%5B2%5D"),
        (rewriting(10, matchHeader="q"), "https://a.example/?q=1&p", "https://a.example/?p"),
    ],
)  # fmt: skip
def test_urls(rule, url, expected):
    assert answered(as_yaml(charles(sets(rule))), url).exchange.url == expected


def test_bodies_and_statuses():
    text = as_yaml(
        charles(
            sets(
                rewriting(
                    7, phase="matchResponse", matchValue="old", newValue="new", replaceType=1
                ),
                rewriting(11, phase="matchResponse", newValue="503 Service Unavailable"),
            )
        )
    )
    found = answered(text, "https://a.example/", body="x\nOLD old", response_headers={"A": "b"})

    assert (found.response.body, found.exchange.status) == ("x\nnew old", 503)


def mapping(source, dest, **more):
    inner = "".join(f"<{name}>{text}</{name}>" for name, text in more.items())
    return (
        "<map><toolEnabled>true</toolEnabled><mappings><mapMapping>"
        f"{location('sourceLocation', **source)}{location('destLocation', **dest)}"
        f"<enabled>true</enabled>{inner}</mapMapping></mappings></map>"
    )


@pytest.mark.parametrize(
    ("source", "dest", "url", "expected"),
    [
        ({"host": "a", "path": "/x/*"}, {"protocol": "http", "host": "b", "port": "81", "path": "/y/"}, "https://a/x/1?2", "http://b:81/y/1?2"),
        ({"host": "a", "path": "/*"}, {"path": "/y/"}, "https://a/x/1?2", "https://a/y/x/1?2"),
        ({"host": "a", "path": "x/*"}, {"path": "/y/"}, "https://a/x/1", "https://a/y/1"),
        ({"host": "a", "path": "/x"}, {"path": "y"}, "https://a:444/x?2", "https://a:444/y?2"),
        ({"host": "a"}, {"host": "b"}, "https://a:444/x?2", "https://b:444/x?2"),
        ({"host": "a"}, {"protocol": "http"}, "https://a/x", "http://a/x"),
        ({"host": "a"}, {"port": "81"}, "https://a/x", "https://a:81/x"),
        ({"host": "a"}, {"query": "q=1"}, "https://a/x?y", "https://a/x?q=1"),
        ({"host": "a", "query": "y=*"}, {"host": "b"}, "https://a/x?y=1", "https://b/x?y=1"),
        ({"host": "a", "query": "y=*"}, {"host": "b"}, "https://a/x?z&y=1", "https://a/x?z&y=1"),
        ({"host": "a", "path": "/x/*"}, {"host": "b", "path": "/y/"}, "https://a/z", "https://a/z"),
    ],
)  # fmt: skip
def test_map_remote(source, dest, url, expected):
    text = as_yaml(charles(mapping(source, dest)))

    assert answered(text, url).exchange.url == expected


def local(dest, **source):
    return (
        "<mapLocal><toolEnabled>true</toolEnabled><mappings><mapLocalMapping>"
        f"{location('sourceLocation', **source)}<dest>{dest}</dest><enabled>true</enabled>"
        "<caseSensitive>true</caseSensitive></mapLocalMapping></mappings></mapLocal>"
    )


def test_map_local(tmp_path):
    file = tmp_path / "a.json"
    file.write_text("{}")

    assert charles(local(file, host="a", path="/a.json")).rules == [
        {
            "match": {"host": "a", "path": "/a.json"},
            "request": {"answer": {"file": str(file)}},
        }
    ]
    assert charles(local(tmp_path, path="/s/*"), folders=[str(tmp_path)]).rules == [
        {
            "match": {"path": "/s/*"},
            "request": {"answer": {"folder": str(tmp_path), "below": "/s/", "missing": "pass"}},
        }
    ]


def blocks(*locations):
    return (
        f"<blacklist><locations>{places(*locations)}</locations>"
        "<toolEnabled>true</toolEnabled><action>1</action></blacklist>"
    )


def test_a_block_list():
    text = as_yaml(charles(blocks(location(host="*.ads.example"), location(path="/x"))))

    for url, expected in [("https://a.ads.example/", 403), ("http://b/x", 403), ("http://b/", 200)]:
        assert answered(text, url).exchange.status == expected


def test_several_tools_of_one_configuration():
    text = f"<configuration>{mapping({'host': 'a'}, {'host': 'b'})}<tools>\n{blocks(location())}</tools></configuration>"

    assert charles(text).notes == ["c.xml:3: Map Remote", "c.xml:4: Block List"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (sets(rewriting(1, active="false")), "c.xml:5: Rewrite, 'My set', add header: switched off in Charles"),
        (sets(ADD, active="false"), "c.xml:3: Rewrite, 'My set': switched off in Charles"),
        (sets(ADD, where=""), "c.xml:5: Rewrite, 'My set', add header: its set has no location that could be carried over"),
        (sets(ADD, where=places(location(), enabled="false")), "c.xml:5: Rewrite, 'My set', add header: its set has no location that could be carried over"),
        (sets(rewriting(1, newHeader="Host", newValue="x")), "c.xml:5: Rewrite, 'My set', add header: request.append: expected a field that a rule may write, found Host: it must agree with the URL; the action url changes both"),
        (sets(rewriting(3, matchHeader="A", matchValue="(a*)*b", matchValueRegex="true")), "expected a regex that takes little time"),
        (mapping({"host": "a"}, {"host": "b"}, preserveHostHeader="true"), "c.xml:3: Map Remote: preserveHostHeader"),
        (mapping({"host": "a"}, {"host": "*"}), "destLocation: expected no"),
        (mapping({"host": "a"}, {}), "destLocation: expected where it leads, found nothing"),
        (mapping({"host": "a"}, {"path": "/y"}), "destLocation: one path for any"),
        (mapping({"host": "a"}, {"protocol": "{header.x}", "host": "b"}), "expected a protocol, found '{header.x}'"),
        (mapping({"host": "a"}, {"host": "b", "port": "{header.x}"}), "expected a port, found '{header.x}'"),
        (mapping({"host": "a"}, {"host": "b/../"}), "expected a host, found 'b/../'"),
        (local("a.json", path="/x"), "expected an absolute path of this machine, found 'a.json'"),
        (blocks(location(query="a=?")), "query: expected no ?, [ or ]"),
        (sets(rewriting(5, matchValue="v1", matchValueRegex="true", newValue="v$1")), "expected one of the 0 groups of its regex, found $1"),
        (sets(rewriting(3, matchHeader="A", matchValue="(b)", matchValueRegex="true", newValue="{$1}")), "or a group in braces"),
        (sets(rewriting(5, matchValue="[[a]", matchValueRegex="true", newValue="b")), "expected a regex, found '[[a]'"),
        (sets(ADD, where=places(*[location(path=f"/{i}") for i in range(101)])), "at most 100 locations"),
        (mapping({"path": "/*/x/*"}, {"path": "/y/"}), "a path with more than one *"),
        (mapping({"host": "a"}, {"host": "b"}).replace("<enabled>true", "<enabled>false"), "Map Remote: switched off in Charles"),
        (mapping({"host": "a"}, {"host": "b"}).replace("<toolEnabled>true", "<toolEnabled>false"), "c.xml:3: Map Remote: switched off in Charles"),
        (local("/no/such", path="/x"), "expected a file or a folder, found none at /no/such"),
        (local("", path="/x"), "dest: expected the path of a file or a folder, found nothing"),
        (local("/folder", path="/x"), "a folder for a path other than one such as /a/*, found '/x'"),
        (local("/folder", path="/x/"), "a folder for the one path /x/; write /x/* for all"),
        (local("/no/such", path="/x").replace("true</caseS", "false</caseS"), "paths are case-sensitive here"),
        (blocks(location(host="a?")), "c.xml:3: Block List: host: expected no ?"),
        (blocks(location()).replace("<enabled>true", "<enabled>false"), "Block List: switched off in Charles"),
    ],
)  # fmt: skip
def test_what_is_left_and_why(text, said):
    found = charles(text, folders=["/folder"])

    assert found.rules == []
    assert len(found.left) == 1 and said in found.left[0]


def test_a_location_that_is_left_makes_no_rule_wider():
    found = charles(sets(ADD, where=places(location(host="a?"), location(host="b"))))

    assert [rule["match"] for rule in found.rules] == [{"host": "b"}]
    assert "Rewrite, 'My set', location: host: expected no ?" in found.left[0]


def test_another_tool_is_refused():
    with pytest.raises(ForebayError, match=r"c.xml:3: expected what Rewrite, .*, found <throttle>"):
        charles("<throttle/>")
