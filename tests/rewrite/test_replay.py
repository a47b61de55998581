"""Rules of today on traffic of yesterday."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.proxycore import filters
from forebay.rewrite.flows import entry_of, flow_of
from forebay.rewrite.parse import Surroundings, parse
from forebay.rewrite.replay import Difference, differences
from forebay.rewrite.trial import exchange_for, fields_of, trial
from forebay.trafficlog import parts, redact
from forebay.trafficlog.record import Record, encode

BLOCKED = {"action": "block", "reason": "x"}


def rules(*items: str):
    text = "rules:\n" + "".join(f" - {item}\n" for item in items)
    return parse(text if items else "", Path("f.yaml"), Surroundings({}, filters.compiled))


def record_of(
    given_rules,
    url: str = "https://www.example.com/a?b=1",
    *,
    headers: dict[str, str] | None = None,
    status: int | None = 200,
    response: dict[str, str] | None = None,
    block: dict[str, object] | None = None,
    has_headers: bool = True,
    **more: object,
) -> dict[str, object]:
    """Return the record of a GET that was taken through rules, as it is read from the log."""
    exchange = exchange_for(url, headers=headers, client=more.get("client_address"))
    answered = None if status is None else (status, fields_of(response or {}), "")
    exchange = replace(exchange, flow=flow_of(exchange, answered))
    found = trial(given_rules, exchange, answered=answered)
    after = found.exchange
    full, _, _ = parts.urls(redact.DEFAULT, after.scheme, after.host, after.port, after.target)
    record = Record(
        kind="http",
        seq=1,
        method=after.method,
        url_full=full,
        status=403 if block == BLOCKED else after.status,
        block=block,
        rewrite=redact.verdict([entry_of(one, phase) for phase, one in found.applied]) or None,
        request_headers=redact.fields(after.request, 10**6)[0] if has_headers else None,
        response_headers=redact.fields(after.response, 10**6)[0] if has_headers else None,
        **more,
    )
    return json.loads(encode(record))


def said(found: list[Difference]) -> list[str]:
    return [f"{'+' if d.is_new else '-'} {d.rule} {' '.join(map(str, d.said))}" for d in found]


ITEMS = [
    "{id: set, request: {set: {X-A: 1, Accept: text/html}}}",
    "{id: remove, request: {remove: [Accept-Language, X-Debug-*]}}",
    "{id: append, response: {append: {Vary: Accept}}}",
    "{id: replace, request: {replace: {Referer: {'\\?.*': ''}}}}",
    "{id: default, response: {default: {Retry-After: 9}, remove: [Server]}}",
    "{id: url, match: {host: www.example.com}, request: {url: 'https://b.example{url.target}'}}",
    "{id: path, match: {path: 'regex:^/(.)'}, request: {url: '/x/{re.1}?k=1'}}",
    "{id: query, request: {query: {remove: [b], set: {token: abc}}}}",
    "{id: method, request: {method: POST}}",
    "{id: status, response: {status: 404}}",
    "{id: cookie, request: {cookie: {remove: [_ga*], set: {beta: 1}}}}",
    "{id: nocookie, request: {remove: [Cookie]}}",
    "{id: setcookie, response: {set_cookie: {remove: [b], attributes: {'*': {SameSite: Lax}}}}}",
    "{id: secret, request: {set: {Authorization: Bearer x, X-Api-Key: k}}}",
    "{id: shadow, mode: shadow, request: {set: {X-S: 1}, remove: [Accept]}}",
    "{id: redirect, match: {path: /gone}, request: {redirect: 'https://c.example/'}}",
    "{id: filter, match: {filter: ~m GET}, request: {set: {X-F: 1}}}",
    "{id: fails, request: {set: {X-Q: '{url.query.b}'}}}",
    "{id: stop, match: {path: /a}, request: {set: {X-Stop: 1}}, stop: true}",
    "{id: long, response: {csp: {append: {img-src: https://x.example}}}}",
]
LONG_CSP = "default-src 'self'; img-src " + " ".join(f"https://{i}.example" for i in range(40))
HEADERS = {
    "Accept-Language": "de",
    "X-Debug-Id": "7",
    "Referer": "https://a.example/?q=1",
    "Cookie": "session=1; _ga=2; c=3",
    "Authorization": "Basic abc",
    "X-Name": "\u00fc",
}
RESPONSE = {
    "Server": "s",
    "Vary": "Origin",
    "Set-Cookie": "b=1; Path=/; HttpOnly",
    "Content-Security-Policy": LONG_CSP,
}


def picked(of: dict[str, str]):
    return st.sets(st.sampled_from(sorted(of))).map(
        lambda names: {n: of[n] for n in of if n in names}
    )


@given(
    st.lists(st.sampled_from(ITEMS), unique=True, max_size=6),
    st.sampled_from(["/", "/a?b=1", "/gone", "/a?token=s", "/a?b=x%0Ay", "/" + "p" * 300]),
    picked(HEADERS),
    picked(RESPONSE),
    st.sampled_from([None, 200, 503]),
)
def test_the_rules_of_the_record_make_no_difference(items, target, headers, response, status):
    """Whatever they did, and although the log masks secrets and cuts what is long."""
    found = rules(*items)
    record = record_of(
        found, f"https://www.example.com{target}", headers=headers, response=response, status=status
    )

    assert said(differences(found, record, flow_of)) == []


@pytest.mark.parametrize(
    ("item", "change"),
    [
        ("{id: x, request: {set: {X-A: 1}}}", "x request X-A None 1"),
        ("{id: x, request: {remove: [Accept]}}", "x request Accept text/* None"),
        (
            "{id: x, request: {url: 'https://b.example/'}}",
            "x request url https://www.example.com/a?b=1 https://b.example/",
        ),
        ("{id: x, request: {method: PUT}}", "x request method GET PUT"),
        ("{id: x, response: {status: 500}}", "x response status 200 500"),
        ("{id: x, response: {remove: [Server]}}", "x response Server s None"),
        ("{id: x, request: {set: {Authorization: x}}}", "x request Authorization None REDACTED"),
        ("{id: x, request: {answer: {status: 418}}}", "x request answer None 418"),
        ("{id: x, mode: shadow, request: {set: {X-A: 1}}}", "x request X-A None 1"),
    ],
)
def test_a_rule_less_is_minus_and_a_rule_more_is_plus(item, change):
    given = {"headers": {"Accept": "text/*"}, "response": {"Server": "s"}}
    one, none = rules(item), ()

    (lost,) = differences(none, record_of(one, **given))
    (new,) = said(differences(one, record_of(none, **given))) or [""]

    assert said([lost]) == [f"- {change}"]
    assert (lost.rule, lost.place) == ("x", "f.yaml:2")
    assert new.lower() == f"+ {change}".lower()  # the log has no names in upper case


def test_another_value_is_both():
    before = rules("{id: x, request: {set: {X-A: 1}}}")
    after = rules("{id: y, request: {set: {X-A: 2}}}")

    assert said(differences(after, record_of(before))) == [
        "- x request X-A None 1",
        "+ y request X-A None 2",
    ]


def test_a_secret_that_was_set_to_what_it_was_is_no_difference():
    """Nobody can tell from masks."""
    headers = {"Authorization": "x"}
    found = rules("{request: {set: {Authorization: x}}}")

    assert differences(found, record_of(found, headers=headers)) == []


def test_cookies_in_several_lines_come_back_as_such():
    found = rules("{response: {set_cookie: {remove: [b], attributes: {a: {Secure: ''}}}}}")
    fields = fields_of({"Set-Cookie": "a=1; Path=/"}) + fields_of({"Set-Cookie": "b=1; HttpOnly"})
    exchange = exchange_for("https://a.example/")
    outcome = trial(found, exchange, answered=(200, fields, ""))
    record = record_of((), "https://a.example/") | {
        "forebay.rewrite": redact.verdict([entry_of(a, phase) for phase, a in outcome.applied]),
        "http.response.header": redact.fields(outcome.exchange.response, 10**6)[0],
    }

    assert record["forebay.rewrite"][0]["changes"] != []
    assert said(differences(found, record)) == []


class TestBlocked:
    RULES = rules("{id: x, request: {set: {X-A: 1}}}", "{id: y, response: {set: {B: 1}}}")

    def test_before_any_rule_nothing_is_to_be_told(self):
        assert differences(self.RULES, record_of((), block=BLOCKED)) == []

    def test_after_rules_had_sent_it_elsewhere_only_the_request_counts(self):
        found = rules(
            "{id: u, request: {url: 'https://ads.example/'}}", "{response: {status: 500}}"
        )
        record = record_of(found[:1], block=BLOCKED)

        assert differences(found, record) == []
        assert said(differences((), record)) == [
            "- u request url https://www.example.com/a?b=1 https://ads.example/"
        ]

    def test_what_an_exception_let_pass_is_like_any_other(self):
        record = record_of(self.RULES, block={"action": "allow", "reason": "x"})

        assert differences(self.RULES, record) == []
        assert len(differences((), record)) == 2


def test_without_headers_what_is_set_anew_can_be_told():
    found = rules("{id: x, request: {set: {X-A: 1}}, response: {status: 500}}")
    record = record_of(found, has_headers=False)

    assert differences(found, record) == []
    assert len(differences((), record)) == 2


def test_what_is_asked_for_the_sake_of_a_body_is_no_edit():
    """The editor notes it as a change of the rule that will edit the body."""
    found = rules("{id: x, response: {body: {text: a}}}")
    record = record_of(found, headers={"Accept-Encoding": "gzip"})
    record["forebay.rewrite"] += [
        {
            "id": "x",
            "file": "f.yaml",
            "line": 2,
            "phase": "request",
            "changes": [{"field": "Accept-Encoding", "before": "gzip, x", "after": "gzip"}],
        },
        {
            "id": "x",
            "phase": "response",
            "changes": [{"field": "body", "before": "9 bytes", "after": "1 bytes"}],
        },
    ]

    assert said(differences(found, record)) == []
    assert said(differences((), record)) == ["- x request Accept-Encoding gzip, x gzip"]


@pytest.mark.parametrize(
    ("more", "is_there"),
    [
        ({"server_name": "api.example"}, True),
        ({"host": "API.example:8080"}, True),
        ({}, False),
        ({"server_name": "other.example"}, False),
    ],
)
def test_an_address_is_named_as_in_traffic(more, is_there):
    """By the TLS server name, or the Host field; or by nothing."""
    found = rules("{id: x, match: {host: api.example}, request: {set: {X-A: 1}}}")
    record = record_of((), "https://192.0.2.1/", **more)

    assert said(differences(found, record)) == ["+ x request X-A None 1"] * is_there


def test_a_name_of_a_host_is_not_said_by_tls():
    found = rules("{match: {host: api.example}, request: {set: {X-A: 1}}}")

    assert differences(found, record_of((), server_name="api.example")) == []


def test_clients_are_known():
    found = rules("{match: {client: 10.0.0.0/8}, request: {set: {X-A: 1}}}")

    assert differences(found, record_of(found, client_address="10.1.2.3")) == []
    assert len(differences(found, record_of((), client_address="10.1.2.3"))) == 1


@pytest.mark.parametrize(
    "record",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"kind": "tunnel", "url.full": "https://a/"}, id="another kind"),
        pytest.param({"kind": "http", "url.full": None}, id="no URL"),
        pytest.param({"kind": "http", "url.full": "x"}, id="not a URL"),
    ],
)
def test_what_is_no_exchange_is_refused(record):
    with pytest.raises(ValueError, match="expected"):
        differences((), record)


def test_records_of_others_do_no_harm():
    """A log may be edited, or of another version."""
    record = {
        "kind": "http",
        "url.full": "https://a.example/",
        "forebay.rewrite": ["x", {"phase": "request"}],
        "http.request.header": ["no mapping"],
        "http.response.status_code": "200",
    }

    assert differences((), record) == []
