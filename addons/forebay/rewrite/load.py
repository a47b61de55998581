"""Rewrite files to one rule set: what ships, then the user's own, then those named.

Files are refused whole, and with them the set.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from forebay.errors import ForebayError, RuleError, RuleErrors
from forebay.paths import expanded
from forebay.proxycore import filters
from forebay.rewrite.index import RuleIndex
from forebay.rewrite.match import Matcher
from forebay.rewrite.rule import Phase, Rule
from forebay.rulefiles import Source, files_of, read_all, says_nothing

if TYPE_CHECKING:
    from forebay import schema
    from forebay.rewrite.models import RewriteFile
    from forebay.rewrite.parse import Surroundings

FILE = "rewrite.yaml"
FOLDER = "rewrite"


@dataclass(frozen=True)
class RuleSet:
    """All rules that were read, and those of them that are in force.

    Args:
        rules: all, in order.
        groups_on: groups that are switched on.
        groups_off: groups that are switched off.
    """

    rules: tuple[Rule, ...] = ()
    groups_on: frozenset[str] = frozenset()
    groups_off: frozenset[str] = frozenset()
    request: RuleIndex = field(init=False, compare=False, repr=False)
    response: RuleIndex = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        active = self.active
        for phase in Phase:
            index = RuleIndex(rule for rule in active if rule.takes_part(phase))
            object.__setattr__(self, str(phase), index)

    @cached_property
    def active(self) -> tuple[Rule, ...]:
        """The rules in force, in order."""
        return tuple(rule for rule in self.rules if rule.is_on(self.groups_on, self.groups_off))

    @cached_property
    def groups(self) -> frozenset[str]:
        """The names of all groups."""
        return frozenset(rule.group for rule in self.rules if rule.group)

    @cached_property
    def bodies(self) -> RuleIndex:
        """The rules that edit bodies of responses, by what a request tells of whether they will."""
        return RuleIndex(
            replace(rule, matcher=as_far_as_requests_tell(rule.matcher))
            for rule in self.active
            if rule.response.body is not None
        )

    def switched(self, groups: Iterable[str]) -> RuleSet:
        """Return the same rules with these groups in force, and not those with a ``-`` before."""
        off = frozenset(name[1:] for name in groups if name.startswith("-"))
        on = frozenset(name for name in groups if not name.startswith("-"))
        return RuleSet(self.rules, on, off)

    def check(self, groups: Iterable[str], option: str) -> None:
        """Make sure that there are such groups.

        Raises:
            ForebayError: for the first that there is not; it begins with *option*.
        """
        for name in groups:
            if name.removeprefix("-") not in self.groups:
                known = ", ".join(sorted(self.groups)) or "there is none"
                raise ForebayError(
                    f"{option}: expected a group of rules ({known}), found {name!r:.70}"
                )

    def __str__(self) -> str:
        count = len(self.active)
        return f"{count:,} rule{'' if count == 1 else 's'}"


def as_far_as_requests_tell(matcher: Matcher) -> Matcher:
    """Return *matcher* without what only a response, or a whole flow, can tell."""
    return replace(
        matcher,
        statuses=frozenset(),
        response_fields=(),
        content_types=(),
        filter_text="",
        unless=(),
    )


def sources(
    shipped: Path, user: Path, named: Iterable[str], *, with_sets: bool = True
) -> tuple[Source, ...]:
    """Return the files and folders in the order of their rules, each once.

    Args:
        shipped: the folder of the rules that ship; its file must be there.
        user: the folder of the user's own rules; its file may be absent.
        named: more files, which must be there; ``~`` is the home folder.
        with_sets: whether the sets that ship are read, all of which are off
            until somebody switches them on: a start need not wait for them.

    Raises:
        ForebayError: when a name begins with an unknown user's home.
    """
    found = [
        Source(shipped / FILE, "forebay_rules"),
        *([Source(shipped / FOLDER, "forebay_rules", may_be_absent=True)] if with_sets else ()),
        Source(user / FILE, "forebay_home", may_be_absent=True),
        Source(user / FOLDER, "forebay_home", may_be_absent=True),
        *(Source(expanded("rewrite_files", name), "rewrite_files") for name in named),
    ]
    once: dict[Path, Source] = {}
    for source in found:
        once.setdefault(source.path.absolute(), source)
    return tuple(once.values())


def environment_of(names: Sequence[str]) -> dict[str, str]:
    """Return the environment variables that rules may use: those of *names* that are set."""
    return {name: os.environ[name] for name in names if name in os.environ}


def loader(environment: Mapping[str, str]) -> Callable[[Iterable[Source]], RuleSet]:
    """Return what reads files into one rule set, with these environment variables.

    It raises RuleErrors with all that is wrong in all of them.
    """

    def load(files: Iterable[Source]) -> RuleSet:
        return RuleSet(tuple(read_all(files, lambda source: _read(source, environment))))

    return load


def _read(source: Source, environment: Mapping[str, str]) -> tuple[Rule, ...]:
    if source.may_be_absent and _is_absent(source.path):
        return ()
    rules: list[Rule] = []
    errors: list[RuleError] = []
    for path in files_of(source.path):
        if path.exists() and says_nothing(path):
            continue
        try:
            rules += read_file(path, environment)
        except RuleErrors as error:
            errors += error.errors
        except RuleError as error:
            errors.append(error)
    if errors:
        raise RuleErrors(errors)
    return tuple(rules)


def read_file(path: Path, environment: Mapping[str, str]) -> tuple[Rule, ...]:
    """Return the rules of one file.

    Raises:
        ForebayError: when it cannot be read.
        RuleErrors: with all that is wrong in it.
    """
    return read_document(path, environment)[1]


def read_document(
    path: Path, environment: Mapping[str, str]
) -> tuple[schema.Document[RewriteFile], tuple[Rule, ...]]:
    """Return the sections of one file, and the rules that they say.

    Raises:
        ForebayError: when it cannot be read.
        RuleErrors: with all that is wrong in it.
    """
    # Imported late: they import pydantic, and no other addon's start waits for it.
    from forebay import rulefile
    from forebay.rewrite import parse

    document = parse.read(rulefile.read(path), path)
    errors: list[RuleError] = []
    rules: tuple[Rule, ...] = ()
    try:
        rules = parse.document_rules(document, _surroundings(environment))
    except RuleErrors as error:
        errors += error.errors
    errors += _missing_files(document)
    if errors:
        errors.sort(key=lambda error: (error.line or 0, error.column or 0))
        raise RuleErrors(errors)
    return document, tuple(_with_paths(rule, path.parent) for rule in rules)


def _surroundings(environment: Mapping[str, str]) -> Surroundings:
    from forebay.rewrite.parse import Surroundings

    return Surroundings(environment, filters.compiled)


def _missing_files(document: schema.Document[RewriteFile]) -> list[RuleError]:
    errors = []
    for i, section in enumerate(document.model.rules):
        given = section.request.answer
        for kind in ("file", "folder"):
            text = None if given is None else getattr(given, kind)
            if text is None:
                continue
            try:
                path = _path(text, document.path.parent)
                there = path.is_file() if kind == "file" else path.is_dir()
                if not there:
                    raise ForebayError(f"expected a {kind}, found none at {path}")
            except (ForebayError, ValueError) as error:
                where = ("rules", i, "request", "answer", kind)
                message = f"request.answer.{kind}: {error}"
                errors.append(RuleError(message, document.path, *document.place(*where)))
    return errors


def _path(text: str, beside: Path) -> Path:
    return beside / expanded("path", text)


def _with_paths(rule: Rule, beside: Path) -> Rule:
    """Return *rule* with the paths of its answer as they are from anywhere."""
    given = rule.request.answer
    if given is None or not given.is_file:
        return rule
    absolute = replace(
        given,
        file=str(_path(given.file, beside).absolute()) if given.file else "",
        folder=str(_path(given.folder, beside).absolute()) if given.folder else "",
    )
    return replace(rule, request=replace(rule.request, answer=absolute))


def _is_absent(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False  # what hinders reading it is for the reader to say
    return False
