"""The text of a rewrite file to rules, or everything that is wrong with it.

Importing this imports pydantic (see `forebay.schema`): import it late.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from forebay import schema
from forebay.rewrite import patterns
from forebay.rewrite.fields import field_name, field_value, removed_name
from forebay.rewrite.match import Matcher
from forebay.rewrite.rule import Operation, Rule, Verb
from forebay.schema import OneOrMore, checked

LONGEST_ID = 100


def _each_once(fields: dict[str, str]) -> dict[str, str]:
    seen: dict[str, str] = {}
    for name in fields:
        other = seen.setdefault(name.lower(), name)
        if other != name:
            raise ValueError(f"expected each field once, found {other!r} and {name!r}")
    return fields


def _hosts(text: str) -> patterns.Hosts:
    return patterns.Hosts.of([text])


type Fields = Annotated[
    dict[Annotated[str, checked(field_name)], Annotated[str, checked(field_value)]],
    AfterValidator(_each_once),
]


class MatchSection(schema.Section):
    """``match``: all that is given must hold."""

    host: OneOrMore[Annotated[str, checked(_hosts)]] | None = None
    path: OneOrMore[Annotated[str, checked(patterns.path_pattern)]] | None = None
    method: OneOrMore[Annotated[str, checked(patterns.method)]] | None = None
    status: OneOrMore[Annotated[str, checked(patterns.statuses)]] | None = None

    def matcher(self) -> Matcher:
        """Return it compiled."""
        return Matcher(
            hosts=patterns.Hosts.of(self.host) if self.host else None,
            paths=tuple(map(patterns.path_pattern, self.path or ())),
            methods=frozenset(self.method or ()),
            statuses=frozenset().union(*map(patterns.statuses, self.status or ())),
        )


class EditSection(schema.Section):
    """``request`` or ``response``: what is done to the header fields."""

    remove: OneOrMore[Annotated[str, checked(removed_name)]] | None = None
    set: Fields = {}
    default: Fields = {}
    append: Fields = {}

    def operations(self) -> tuple[Operation, ...]:
        """Return its edits in the order in which they are made."""
        removals = [removed_name(text) for text in self.remove or ()]
        writes = ((Verb.SET, self.set), (Verb.DEFAULT, self.default), (Verb.APPEND, self.append))
        return (
            *(Operation(Verb.REMOVE, name, is_prefix=prefix) for name, prefix in removals),
            *(
                Operation(verb, field_name(name), field_value(value))
                for verb, fields in writes
                for name, value in fields.items()
            ),
        )


class RuleSection(schema.Section):
    """One item of ``rules``."""

    id: str | None = None
    match: MatchSection = MatchSection()
    request: EditSection = EditSection()
    response: EditSection = EditSection()
    stop: Annotated[bool, Field(validate_default=True)] = False

    @field_validator("id")
    @classmethod
    def _is_own(cls, found: str, info: ValidationInfo) -> str:
        if not (found.isprintable() and found.strip() == found and 0 < len(found) <= LONGEST_ID):
            raise ValueError(
                f"expected one line of at most {LONGEST_ID} characters, found {found!r:.70}"
            )
        assert info.context is not None
        ids = info.context.setdefault("ids", set())
        if found in ids:
            raise ValueError(f"expected an id of its own, found {found!r}, that of an earlier rule")
        ids.add(found)
        return found

    @field_validator("request")
    @classmethod
    def _needs_no_status(cls, request: EditSection, info: ValidationInfo) -> EditSection:
        match = info.data.get("match")
        if match is not None and match.status and request.operations():
            raise ValueError(
                "expected no status under match, since it is not known yet when a request is "
                "edited; edit the response in a rule of its own"
            )
        return request

    @field_validator("stop")
    @classmethod
    def _does_something(cls, stop: bool, info: ValidationInfo) -> bool:
        # A section that is wrong itself is absent here, and reported already.
        edits = [info.data.get("request"), info.data.get("response")]
        if not stop and all(edit is not None and not edit.operations() for edit in edits):
            raise ValueError("expected request, response or stop: true, found a rule without any")
        return stop


class RewriteFile(schema.Section):
    """The whole file."""

    rules: list[RuleSection] = []


def parse(text: str, path: Path) -> tuple[Rule, ...]:
    """Return the rules of *text*, in its order; *path* is only named in them.

    Raises:
        RuleErrors: with all that is wrong.
    """
    document = schema.parse(text, path, RewriteFile)
    rules = []
    for i, section in enumerate(document.model.rules):
        line = document.line("rules", i)
        rules.append(
            Rule(
                id=section.id or f"{path.name}:{line}",
                file=str(path),
                line=line,
                matcher=section.match.matcher(),
                request=section.request.operations(),
                response=section.response.operations(),
                stop=section.stop,
            )
        )
    return tuple(rules)
