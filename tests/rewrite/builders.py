"""Exchanges, rules and the values of placeholders with defaults, for the tests of rewriting."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from forebay.names import DEFAULT_PORTS
from forebay.rewrite import trial
from forebay.rewrite.edits import Edit
from forebay.rewrite.exchange import Exchange, Fields
from forebay.rewrite.index import RuleIndex
from forebay.rewrite.match import Matcher
from forebay.rewrite.parse import parse
from forebay.rewrite.patterns import Hosts, path_pattern
from forebay.rewrite.rule import Edits, Phase, Rule
from forebay.rewrite.run import Result, run
from forebay.rewrite.template import Template, Values

NOW_S = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT
UUID = "a8098c1a-f86e-4da5-9a1c-111111111111"


def fields(*lines: str) -> Fields:
    """Return header fields from lines such as ``Name: value``.

    >>> fields("A: 1", "b:")
    ((b'A', b'1'), (b'b', b''))
    """
    split = (line.partition(":") for line in lines)
    return tuple((name.encode(), value.strip().encode("latin-1")) for name, _, value in split)


def exchange(url: str = "https://www.example.com/", **given: object) -> Exchange:
    """Return a GET of *url*; it has a response once *given* has a ``status``."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    target = url.partition("://")[2].removeprefix(parts.netloc)
    defaults: dict[str, object] = {
        "method": "GET",
        "scheme": parts.scheme,
        "host": host,
        "port": parts.port or DEFAULT_PORTS[parts.scheme],
        "target": target or "/",
        "hosts": (host,),
    }
    return Exchange(**defaults | given)


def values(of: Exchange | None = None, **given: object) -> Values:
    """Return what placeholders stand for: *of*, at `NOW_S`, each UUID being `UUID`."""
    defaults: dict[str, object] = {"now_s": NOW_S, "new_id": lambda: UUID}
    return Values(exchange() if of is None else of, **defaults | given)


def matcher(host: str = "", path: str = "", **given: object) -> Matcher:
    """Return what matches that host and path, and all of them where empty."""
    return Matcher(
        Hosts.of([host]) if host else None, (path_pattern(path),) if path else (), **given
    )


def rule(
    *head: Edit,
    id: str = "r",  # noqa: A002  (as the rule itself calls it)
    phase: Phase = Phase.REQUEST,
    host: str = "",
    path: str = "",
    **given: object,
) -> Rule:
    """Return a rule with these edits of the head in *phase*, for that host and path."""
    defaults: dict[str, object] = {
        "file": "f.yaml",
        "line": 1,
        "matcher": matcher(host, path),
        str(phase): Edits(head),
    }
    return Rule(id, **defaults | given)


def made_of(found: Exchange, *rules: Rule, phase: Phase = Phase.REQUEST) -> Result:
    """Return what *rules* make of the request, or of the response, of *found*."""
    return run(RuleIndex(rules), phase, found, now_s=NOW_S, new_id=lambda: UUID)


def edited(edit: Edit, found: Exchange, *, of_response: bool = False) -> Exchange:
    """Return *found* after one edit."""
    return edit.apply(found, values(found), of_response=of_response)


def template(text: str) -> Template:
    """Return the template that *text* says, without an environment."""
    return Template.of(text)


def answered(
    text: str, url: str, *, method: str = "GET", sent: str = "", body: str = "", status: int = 200,
    headers: dict[str, str] | None = None, response_headers: dict[str, str] | None = None,
) -> trial.Outcome:  # fmt: skip
    """Return what the rules of a file *text* make of an exchange."""
    rules = parse(text, Path("f.yaml"))
    asked = trial.exchange_for(url, method=method, headers=headers or {})
    fields_ = trial.fields_of(response_headers or {})
    return trial.trial(rules, asked, sent=sent, answered=(status, fields_, body))
