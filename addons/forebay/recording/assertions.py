"""What a test says about the requests that its application has made.

Pure; the standard library only, as the tests' own process uses it.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

_MOST_LISTED = 50


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it was seen; what is secret in it is masked.

    Attributes:
        method: as sent.
        url: absolute.
        headers: names in lower case; values of one name joined by commas.
        body: without its content coding.
        outcome: ``played``, ``recorded``, ``passed``, ``refused``, ``failed`` or,
            while the server has not answered, ``open``.
        status: of the answer, where it is known.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    outcome: str = "played"
    status: int | None = None

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Request:
        """Return a request as the proxy tells it."""
        return cls(
            said["method"],
            said["url"],
            said.get("headers", {}),
            base64.b64decode(said.get("body", "")),
            said["outcome"],
            said.get("status"),
        )

    @property
    def host(self) -> str:
        """The host, in lower case."""
        return urlsplit(self.url).hostname or ""

    @property
    def path(self) -> str:
        """The path, as sent."""
        return urlsplit(self.url).path or "/"

    @property
    def query(self) -> dict[str, list[str]]:
        """The values of the query by name."""
        found: dict[str, list[str]] = {}
        for name, value in parse_qsl(urlsplit(self.url).query, keep_blank_values=True):
            found.setdefault(name, []).append(value)
        return found

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        """The body as JSON.

        Raises:
            AssertionError: when it is none.
        """
        __tracebackhide__ = True
        try:
            return json.loads(self.body)
        except ValueError:
            raise AssertionError(
                f"expected JSON as the body of {self.method} {self.url}, found {self.body!r:.70}"
            ) from None

    def __str__(self) -> str:
        status = "" if self.status is None else f" {self.status}"
        return f"{self.method} {self.url} ({self.outcome}{status})"


class Requests:
    """Those of the requests that are meant, in the order in which they came.

    Args:
        seen: all that came.
        method: in any case.
        host: a name; ``*`` is anything, as in ``*.example.com``.
        path: a path; ``*`` is anything.
        url: the whole URL; ``*`` is anything.
        query: parameters that are among those asked: a value, or several.
        outcome: see `Request`.

    >>> seen = [Request("GET", "http://h/a"), Request("POST", "http://h/a")]
    >>> Requests(seen, method="post", host="h").once().path
    '/a'
    """

    def __init__(
        self,
        seen: Iterable[Request],
        method: str | None = None,
        *,
        host: str | None = None,
        path: str | None = None,
        url: str | None = None,
        query: Mapping[str, str | Iterable[str]] | None = None,
        outcome: str | None = None,
    ) -> None:
        self._seen = tuple(seen)
        given = {
            "method": method,
            "host": host,
            "path": path,
            "url": url,
            "query": query,
            "outcome": outcome,
        }
        self._wanted = ", ".join(
            f"{name}={value!r}" for name, value in given.items() if value is not None
        )
        wanted = {
            name: [value] if isinstance(value, str) else list(value)
            for name, value in (query or {}).items()
        }
        self._found = tuple(
            each
            for each in self._seen
            if (method is None or each.method.upper() == method.upper())
            and (host is None or _is_like(each.host, host.lower()))
            and (path is None or _is_like(each.path, path))
            and (url is None or _is_like(each.url, url))
            and (outcome is None or each.outcome == outcome)
            and all(each.query.get(name) == values for name, values in wanted.items())
        )

    def __iter__(self) -> Iterator[Request]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __getitem__(self, number: int) -> Request:
        __tracebackhide__ = True
        try:
            return self._found[number]
        except IndexError:
            raise self._failure(f"a request with number {number}") from None

    def __repr__(self) -> str:
        return f"<Requests: {len(self)} of {len(self._seen)} ({self._wanted or 'all'})>"

    def once(self) -> Request:
        """Assert that there is one; return it."""
        __tracebackhide__ = True
        return self.count(1)[0]

    def none(self) -> Self:
        """Assert that there is none."""
        __tracebackhide__ = True
        return self.count(0)

    def count(self, times: int) -> Self:
        """Assert how many there are."""
        __tracebackhide__ = True
        if len(self) != times:
            raise self._failure(_requests(times))
        return self

    def at_least(self, times: int) -> Self:
        """Assert that there are so many, or more."""
        __tracebackhide__ = True
        if len(self) < times:
            raise self._failure(f"at least {_requests(times)}")
        return self

    @property
    def json(self) -> list[Any]:
        """The bodies as JSON."""
        __tracebackhide__ = True
        return [each.json for each in self]

    @property
    def text(self) -> list[str]:
        """The bodies as texts."""
        return [each.text for each in self]

    def in_order(self, *wanted: str) -> Self:
        """Assert that these came one after the other; others may have come in between.

        Args:
            *wanted: such as ``/login``, ``POST /pay/*`` or ``GET https://h/a``.
        """
        __tracebackhide__ = True
        left = iter(self)
        for number, each in enumerate(wanted):
            if not any(_is(request, each) for request in left):
                before = f" after {wanted[number - 1]}" if number else ""
                raise self._failure(f"{each}{before}")
        return self

    def _failure(self, expected: str) -> AssertionError:
        meant = f" with {self._wanted}" if self._wanted else ""
        return AssertionError(f"expected {expected}{meant}, found {len(self)} in\n{self._listed()}")

    def _listed(self) -> str:
        found = set(map(id, self._found))
        lines = [f"  {'>' if id(each) in found else ' '} {each}" for each in self._seen]
        more = len(lines) - _MOST_LISTED
        if more > 0:
            lines[_MOST_LISTED:] = [f"    and {more} more"]
        return "\n".join(lines) or "    no request at all"


def _requests(times: int) -> str:
    return {0: "no request", 1: "1 request"}.get(times, f"{times} requests")


def _is_like(text: str, pattern: str) -> bool:
    return bool(re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL))


def _is(request: Request, wanted: str) -> bool:
    method, space, target = wanted.rpartition(" ")
    if space and method.upper() != request.method.upper():
        return False
    return _is_like(request.url if "://" in target else request.path, target)
