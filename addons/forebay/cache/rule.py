"""What the user wants of the cache for some URLs, beyond RFC 9111."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Protocol

from forebay.cache.headers import Head
from forebay.cache.key import Target, primary_key
from forebay.names import canonical
from forebay.rewrite.patterns import Glob, Hosts


class PathPattern(Protocol):
    """A glob or a regex."""

    def matches(self, text: str) -> bool:
        """Return whether it fits *text*."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; what it does not say stays as it is.

    Args:
        file: where it stands.
        line: in that file, from 1.
        hosts: None for any.
        paths: of which one must fit; empty for any.
        bypass: the cache is not asked, and nothing is stored.
        lifetime_s: in place of what the origin says, in seconds.
        ignore_query: names of query parameters that are no part of the key.
        key_fields: lower-case names of request fields that are a part of it.
    """

    file: str
    line: int
    hosts: Hosts | None = None
    paths: tuple[PathPattern, ...] = ()
    bypass: bool = False
    lifetime_s: int | None = None
    ignore_query: tuple[Glob, ...] = ()
    key_fields: tuple[bytes, ...] = ()

    @property
    def name(self) -> str:
        """Its place, for Cache-Status and the log."""
        return f"{PurePath(self.file).name}:{self.line}"

    def matches(self, host: str, path: str) -> bool:
        """Return whether it is about *path*, without query, on the canonical *host*."""
        return (self.hosts is None or self.hosts.matches(host)) and (
            not self.paths or any(pattern.matches(path) for pattern in self.paths)
        )


def rule_for(rules: Iterable[Rule], target: Target) -> Rule | None:
    """Return the first of *rules* that is about *target*, or None."""
    host: str | None = None
    path = ""
    for rule in rules:
        if host is None:
            host = canonical(target.host)
            path = target.path.partition(b"?")[0].decode("latin-1")
        if rule.matches(host, path):
            return rule
    return None


def key_for(rule: Rule | None, target: Target, request: Head) -> bytes:
    """Return the key under which *target* is stored, as *rule* has it."""
    if rule is None or not (rule.ignore_query or rule.key_fields):
        return primary_key(target)
    extra: list[bytes | None] = []
    for name in rule.key_fields:
        extra += (name, b"\n".join(request.lines(name)) if name in request else None)
    path = _without_parameters(target.path, rule.ignore_query)
    return primary_key(replace(target, path=path), tuple(extra))


def _without_parameters(path: bytes, names: tuple[Glob, ...]) -> bytes:
    before, mark, query = path.partition(b"?")
    if not mark or not names:
        return path
    kept = [
        parameter
        for parameter in query.split(b"&")
        if not any(name.matches(_name(parameter)) for name in names)
    ]
    return before + mark + b"&".join(kept) if kept else before


def _name(parameter: bytes) -> str:
    return parameter.partition(b"=")[0].decode("latin-1")
