"""Which messages a rule is for."""

from __future__ import annotations

import pytest

from forebay.rewrite.match import Head, Matcher
from forebay.rewrite.patterns import Hosts, path_pattern, statuses


def head(**changed: object) -> Head:
    given = {"hosts": ("www.example.com",), "path": "/api/x", "method": "GET", "status": 200}
    return Head(**given | changed)


def matcher(
    host: str = "", path: tuple[str, ...] = (), method: tuple[str, ...] = (), status: str = ""
) -> Matcher:
    return Matcher(
        Hosts.of([host]) if host else None,
        tuple(map(path_pattern, path)),
        frozenset(method),
        statuses(status) if status else frozenset(),
    )


@pytest.mark.parametrize(
    ("given", "seen", "expected"),
    [
        pytest.param({}, {}, True, id="nothing given holds always"),
        pytest.param({"host": "*.example.com"}, {}, True, id="host"),
        pytest.param({"host": "a.example"}, {}, False, id="other host"),
        pytest.param({"host": "a.example"}, {"hosts": ("192.0.2.1", "a.example")}, True, id="a second name"),
        pytest.param({"host": "*"}, {"hosts": ()}, False, id="no name at all"),
        pytest.param({"path": ("/api/*",)}, {}, True, id="path"),
        pytest.param({"path": ("/b", "regex:x$")}, {}, True, id="one of the paths"),
        pytest.param({"path": ("/b",)}, {}, False, id="other path"),
        pytest.param({"method": ("GET", "HEAD")}, {}, True, id="method"),
        pytest.param({"method": ("GET",)}, {"method": "get"}, False, id="methods are case-sensitive"),
        pytest.param({"status": "2xx"}, {}, True, id="status"),
        pytest.param({"status": "2xx"}, {"status": 304}, False, id="other status"),
        pytest.param({"status": "2xx"}, {"status": None}, False, id="status not known yet"),
        pytest.param({"host": ".example.com", "path": ("/api/*",), "method": ("GET",), "status": "200"}, {}, True, id="all"),
        pytest.param({"host": ".example.com", "path": ("/b",), "method": ("GET",), "status": "200"}, {}, False, id="all but one"),
    ],
)  # fmt: skip
def test_all_that_is_given_must_hold(given, seen, expected):
    assert matcher(**given).matches(head(**seen)) is expected
