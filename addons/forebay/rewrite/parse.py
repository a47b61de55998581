"""The text of a rewrite file to rules, or everything that is wrong with it.

Importing this imports pydantic (see `forebay.schema`): import it late.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from forebay import schema
from forebay.blocklist.policies import Clients
from forebay.blocklist.policyfile import network
from forebay.errors import RuleError, RuleErrors
from forebay.regexes import CostlyRegexError, Regex
from forebay.rewrite import answer, bodyedits, cookies, csp, jsonpointer, models, patterns
from forebay.rewrite.bodyedits import BodyEdit, BodyEdits
from forebay.rewrite.edits import (
    Edit,
    FieldEdit,
    FieldReplace,
    MethodEdit,
    Replacement,
    StatusEdit,
    Verb,
)
from forebay.rewrite.fields import field_name, removed_name
from forebay.rewrite.match import ClientRanges, Matcher, Named
from forebay.rewrite.partedits import CookieEdit, CspEdit, QueryEdit, SetCookieEdit
from forebay.rewrite.patterns import Glob
from forebay.rewrite.rule import Edits, Mode, Rule
from forebay.rewrite.template import Template
from forebay.rewrite.urledit import UrlEdit
from forebay.yamltree import LIMIT_ERRORS, Key

type FlowFilter = Callable[[object], bool]

_BODY_STEPS = 200_000_000
"""About how many steps, each a nanosecond, a regex may take on the longest body it sees."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What rules need of the world.

    Args:
        environment: the environment variables that rules may use.
        compile_filter: makes something that looks at flows of mitmproxy's filter
            expressions; raises ValueError for what is none.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    compile_filter: Callable[[str], FlowFilter] | None = None


def parse(text: str, path: Path, surroundings: Surroundings | None = None) -> tuple[Rule, ...]:
    """Return the rules of *text*, in its order; *path* is only named in them.

    Raises:
        RuleErrors: with all that is wrong.
    """
    return document_rules(read(text, path), surroundings or Surroundings())


def read(text: str, path: Path) -> schema.Document[models.RewriteFile]:
    """Return the sections of *text*.

    Raises:
        RuleErrors: with all that is wrong with them.
    """
    return schema.parse(text, path, models.RewriteFile)


def document_rules(
    document: schema.Document[models.RewriteFile], surroundings: Surroundings
) -> tuple[Rule, ...]:
    """Return the rules that *document* says.

    Raises:
        RuleErrors: with all that is wrong with them.
    """
    rules: list[Rule] = []
    errors: list[RuleError] = []
    for i, section in enumerate(document.model.rules):
        maker = _Maker(document, surroundings, ("rules", i), errors)
        rules.append(maker.rule(section))
    if errors:
        errors.sort(key=lambda error: (error.line or 0, error.column or 0))
        raise RuleErrors(errors[:LIMIT_ERRORS])
    return tuple(rules)


class _Maker:
    """Makes one rule, and notes what is wrong with it, each at its place."""

    def __init__(
        self,
        document: schema.Document[models.RewriteFile],
        surroundings: Surroundings,
        key: Key,
        errors: list[RuleError],
    ) -> None:
        self._document = document
        self._surroundings = surroundings
        self._key = key
        self._errors = errors

    def rule(self, section: models.RuleSection) -> Rule:
        model, line = self._document.model, self._document.line(*self._key)
        path = self._document.path
        return Rule(
            id=section.id or f"{path.name}:{line}",
            file=str(path),
            line=line,
            matcher=self._matcher(section),
            request=self._request(section.request),
            response=self._response(section.response),
            stop=section.stop,
            group=section.group or model.group or "",
            is_default_on=model.enabled,
            mode=Mode(section.mode),
        )

    # Everything below returns something harmless where it has noted an error.

    def _note(self, error: Exception, *key: int | str, under: str | None = None) -> None:
        """Note *error* about *key*, or about the key *under* it, which the message shows."""
        message = error.message if isinstance(error, RuleError) else str(error)
        where = ".".join(str(part) for part in key if isinstance(part, str))
        at = key if under is None else (*key, under)
        line, column = self._document.place(*self._key, *at)
        self._errors.append(RuleError(f"{where}: {message}", self._document.path, line, column))

    def _template(
        self, text: str, *key: int | str, groups: Mapping[str, str] | None = None
    ) -> Template:
        try:
            return Template.of(text, self._surroundings.environment, groups)
        except RuleError as error:
            self._note(error, *key)
            return Template("", ())

    def _templates(
        self, given: Mapping[str, str], *key: int | str
    ) -> tuple[tuple[str, Template], ...]:
        return tuple((name, self._template(text, *key, name)) for name, text in given.items())

    def _matcher(self, section: models.RuleSection) -> Matcher:
        unless = tuple(
            self._one_matcher(each, (), "unless", number)
            for number, each in enumerate(section.unless or ())
        )
        return self._one_matcher(section.match, unless, "match")

    def _one_matcher(
        self, section: models.MatchSection, unless: tuple[Matcher, ...], *key: int | str
    ) -> Matcher:
        clients = Clients(frozenset(map(network, section.client or ())))
        return Matcher(
            hosts=patterns.Hosts.of(section.host) if section.host else None,
            paths=tuple(map(patterns.path_pattern, section.path or ())),
            urls=tuple(map(patterns.url_pattern, section.url or ())),
            methods=frozenset(section.method or ()),
            statuses=frozenset().union(*map(patterns.statuses, section.status or ())),
            schemes=frozenset(section.scheme or ()),
            ports=frozenset().union(*map(patterns.ports, section.port or ())),
            content_types=tuple(map(patterns.media_type, section.content_type or ())),
            request_fields=_named(section.request_header, lower=True),
            response_fields=_named(section.response_header, lower=True),
            parameters=_named(section.query),
            clients=ClientRanges(clients) if section.client else None,
            users=tuple(map(Glob.of, section.user or ())),
            flow_filter=self._filter(section.filter, *key),
            filter_text=section.filter or "",
            unless=unless,
        )

    def _filter(self, text: str | None, *key: int | str) -> FlowFilter | None:
        compile_filter = self._surroundings.compile_filter
        if text is None or compile_filter is None:
            return None
        try:
            return compile_filter(text)
        except ValueError as error:
            self._note(error, *key, "filter")
            return None

    def _replacements(self, given: Mapping[str, str], *key: int | str) -> tuple[Replacement, ...]:
        return tuple(
            Replacement(Regex.of(text), self._template(template, *key, text, groups=_groups(text)))
            for text, template in given.items()
        )

    def _replaces(
        self, given: Mapping[str, Mapping[str, str]], *key: int | str
    ) -> tuple[tuple[str, tuple[Replacement, ...]], ...]:
        return tuple((name, self._replacements(pairs, *key, name)) for name, pairs in given.items())

    def _fields(self, section: models.HeaderSection, name: str) -> Iterator[Edit]:
        for text in section.remove or ():
            removed, is_prefix = removed_name(text)
            yield FieldEdit(Verb.REMOVE, removed, is_prefix=is_prefix)
        for field_, pairs in section.replace.items():
            made = self._replacements(pairs, name, "replace", field_)
            yield FieldReplace(field_name(field_), made)
        for verb, fields in (
            (Verb.SET, section.set),
            (Verb.DEFAULT, section.default),
            (Verb.APPEND, section.append),
        ):
            for field_, template in self._templates(fields, name, str(verb)):
                yield FieldEdit(verb, field_name(field_), template)

    def _request(self, section: models.RequestSection) -> Edits:
        head: list[Edit] = []
        if section.url is not None:
            head.append(UrlEdit(self._template(section.url, "request", "url")))
        if section.query is not None:
            query, key = section.query, ("request", "query")
            head.append(
                QueryEdit(
                    tuple(map(models.parameter_pattern, query.remove or ())),
                    self._replaces(query.replace, *key, "replace"),
                    self._templates(query.set, *key, "set"),
                    self._templates(query.default, *key, "default"),
                )
            )
        if section.method is not None:
            head.append(MethodEdit(section.method))
        head += self._fields(section, "request")
        if section.cookie is not None:
            cookie, key = section.cookie, ("request", "cookie")
            head.append(
                CookieEdit(
                    tuple(map(cookies.cookie_pattern, cookie.remove or ())),
                    self._replaces(cookie.replace, *key, "replace"),
                    self._templates(cookie.set, *key, "set"),
                    self._templates(cookie.default, *key, "default"),
                )
            )
        return Edits(tuple(head), self._body(section.body, "request"), self._answer(section))

    def _response(self, section: models.ResponseSection) -> Edits:
        head: list[Edit] = []
        if section.status is not None:
            head.append(StatusEdit(int(section.status)))
        head += self._fields(section, "response")
        if section.set_cookie is not None:
            given, key = section.set_cookie, ("response", "set_cookie")
            head.append(
                SetCookieEdit(
                    tuple(map(cookies.cookie_pattern, given.remove or ())),
                    self._templates(given.set, *key, "set"),
                    tuple(
                        (
                            cookies.cookie_pattern(pattern),
                            {cookies.attribute(name): value for name, value in found.items()},
                        )
                        for pattern, found in given.attributes.items()
                    ),
                )
            )
        if section.csp is not None:
            key = ("response", "csp")
            head.append(
                CspEdit(
                    tuple(map(csp.directive, section.csp.remove or ())),
                    self._directives(section.csp.set, *key, "set"),
                    self._directives(section.csp.append, *key, "append"),
                )
            )
        return Edits(tuple(head), self._body(section.body, "response"))

    def _directives(
        self, given: Mapping[str, str], *key: int | str
    ) -> tuple[tuple[str, Template], ...]:
        return tuple(
            (csp.directive(name), template) for name, template in self._templates(given, *key)
        )

    def _answer(self, section: models.RequestSection) -> answer.Answer | None:
        if section.redirect is not None:
            to = self._template(section.redirect.to, "request", "redirect", "to")
            return answer.redirect(to, int(section.redirect.status))
        given = section.answer
        if given is None:
            return None
        key = ("request", "answer")
        fields = self._templates(given.headers, *key, "headers")
        return answer.Answer(
            status=int(given.status),
            fields=tuple((field_name(name), template) for name, template in fields),
            body=None if given.body is None else self._template(given.body, *key, "body"),
            file=given.file or "",
            folder=given.folder or "",
            below=given.below,
            passes_missing=given.missing == "pass",
        )

    def _body(self, section: models.BodySection | None, name: str) -> BodyEdits | None:
        if section is None:
            return None
        limit_bytes = models.size_bytes(section.limit)
        key = (name, "body")
        edits: list[BodyEdit] = []
        if section.text is not None:
            edits.append(bodyedits.WholeText(self._template(section.text, *key, "text")))
        for old, template in self._templates(section.replace, *key, "replace"):
            edits.append(bodyedits.LiteralReplace(old, template))
        for text, replacement in section.regex.items():
            regex = self._body_regex(text, limit_bytes, *key, "regex")
            if regex is not None:
                template = self._template(replacement, *key, "regex", text, groups=_groups(text))
                edits.append(bodyedits.RegexReplace(regex, template))
        given = section.json_
        if given is not None and (given.remove or given.set or given.merge):
            sets = self._templates(given.set, *key, "json", "set")
            edits.append(
                bodyedits.JsonEdit(
                    tuple(map(jsonpointer.pointer, given.remove or ())),
                    tuple((jsonpointer.pointer(where), value) for where, value in sets),
                    jsonpointer.patch_of(given.merge) if given.merge else None,
                )
            )
        if section.html is not None:
            for place in ("head", "body"):
                inserted = getattr(section.html, place)
                if inserted is not None:
                    template = self._template(inserted, *key, "html", place)
                    edits.append(bodyedits.HtmlInsert(place, template))
        return BodyEdits(tuple(edits), limit_bytes) if edits else None

    def _body_regex(self, text: str, limit_bytes: int, *key: int | str) -> Regex | None:
        """Return a regex that can be searched for in a whole body, by re2 if need be."""
        try:
            return Regex.of(
                text, limit_steps=_BODY_STEPS, least_chars=limit_bytes, most_chars=limit_bytes
            )
        except CostlyRegexError as error:
            linear = Regex.linear(text)
            if linear is not None:
                return linear
            self._note(
                RuleError(
                    f"{error.message}; or set a smaller limit beside it, or install google-re2 "
                    "(pip install 'forebay[re2]')"
                ),
                *key,
                under=text,
            )
        except RuleError as error:
            self._note(error, *key, under=text)
        return None


def _named(given: Mapping[str, list[str]], *, lower: bool = False) -> tuple[Named, ...]:
    return tuple(
        Named(name.lower() if lower else name, tuple(map(patterns.value_pattern, texts)))
        for name, texts in given.items()
    )


def _groups(text: str) -> dict[str, str]:
    """Return the groups that the regex *text* has, by number and name."""
    compiled = re.compile(text)
    numbers = [str(number) for number in range(1, compiled.groups + 1)]
    return dict.fromkeys([*numbers, *compiled.groupindex], "")
