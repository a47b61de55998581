"""What a rewrite file may say: its sections, each value checked where it stands.

Importing this imports pydantic (see `forebay.schema`): import it late.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from forebay import schema
from forebay.blocklist.policyfile import network
from forebay.errors import RuleError
from forebay.regexes import Regex
from forebay.rewrite import answer, bodyedits, cookies, csp, jsonpointer, patterns
from forebay.rewrite.fields import field_name, field_value, removed_name, seen_name
from forebay.rewrite.patterns import Glob
from forebay.rewrite.urledit import check_url
from forebay.schema import OneOrMore, OneOrMoreSections, checked

LONGEST_ID = 100
LONGEST_FILTER = 1000
_GROUP = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}", re.ASCII).fullmatch


def _once(names: list[str], what: str) -> None:
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.lower(), name)
        if other != name:
            raise ValueError(f"expected each {what} once, found {other!r} and {name!r}")


def _each_once[T](fields: dict[str, T]) -> dict[str, T]:
    _once(list(fields), "field")
    return fields


def _hosts(text: str) -> patterns.Hosts:
    return patterns.Hosts.of([text])


def parameter_pattern(text: str) -> Glob:
    """Return the pattern for names of parameters that *text* says.

    Raises:
        RuleError: when it is empty.
    """
    if not text:
        raise RuleError("expected the name of a query parameter such as utm_*, found ''")
    return Glob.of(text)


def size_bytes(text: str) -> int:
    """Return the size that *text* says, in bytes.

    Raises:
        RuleError: when it is none, or too large.

    >>> size_bytes("500k"), size_bytes("2m")
    (500000, 2000000)
    """
    digits, unit = (text[:-1], text[-1]) if text[-1:] in ("k", "m") else (text, "")
    found = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 12 else 0
    found *= {"": 1, "k": 1000, "m": 1_000_000}[unit]
    if not 0 < found <= bodyedits.MOST_BYTES:
        raise RuleError(
            f"expected a size such as 500k or 2m, up to {bodyedits.MOST_BYTES // 1_000_000}m, "
            f"found {text!r:.70}"
        )
    return found


def group_name(text: str) -> str:
    """Return *text* as the name of a group.

    Raises:
        RuleError: when it is none.
    """
    if not _GROUP(text):
        raise RuleError(f"expected the name of a group such as dev-only, found {text!r:.70}")
    return text


def cookie_value(text: str) -> str:
    """Return *text* as the value of a cookie.

    Raises:
        RuleError: when it would end its cookie.
    """
    if ";" in text:
        raise RuleError(f"expected the value of one cookie, without ;, found {text!r:.70}")
    return text


type GroupName = Annotated[str, checked(group_name)]
type FieldName = Annotated[str, checked(field_name)]
type SeenName = Annotated[str, checked(seen_name)]
type FieldValue = Annotated[str, checked(field_value)]
type Fields = Annotated[dict[FieldName, FieldValue], AfterValidator(_each_once)]
type Replacements = Annotated[
    dict[Annotated[str, checked(Regex.of)], FieldValue], Field(min_length=1)
]
"""Regex to replacement; they are made in this order."""
type ValuePatterns = OneOrMore[Annotated[str, checked(patterns.value_pattern)]]
type CookieName = Annotated[str, checked(cookies.cookie_name)]
type CookieValue = Annotated[str, checked(field_value), checked(cookie_value)]
type CookiePattern = Annotated[str, checked(cookies.cookie_pattern)]
type Parameter = Annotated[str, Field(min_length=1)]
type Directive = Annotated[str, checked(csp.directive)]
type Sources = Annotated[str, checked(csp.source_list), checked(field_value)]
type PointerText = Annotated[str, checked(jsonpointer.pointer)]


class MatchSection(schema.Section):
    """``match``, and each of ``unless``: all that is given must hold."""

    host: OneOrMore[Annotated[str, checked(_hosts)]] | None = None
    path: OneOrMore[Annotated[str, checked(patterns.path_pattern)]] | None = None
    url: OneOrMore[Annotated[str, checked(patterns.url_pattern)]] | None = None
    method: OneOrMore[Annotated[str, checked(patterns.method)]] | None = None
    scheme: OneOrMore[Annotated[str, checked(patterns.scheme)]] | None = None
    port: OneOrMore[Annotated[str, checked(patterns.ports)]] | None = None
    status: OneOrMore[Annotated[str, checked(patterns.statuses)]] | None = None
    content_type: OneOrMore[Annotated[str, checked(patterns.media_type)]] | None = None
    request_header: Annotated[dict[SeenName, ValuePatterns], AfterValidator(_each_once)] = {}
    response_header: Annotated[dict[SeenName, ValuePatterns], AfterValidator(_each_once)] = {}
    query: dict[Parameter, ValuePatterns] = {}
    client: OneOrMore[Annotated[str, checked(network)]] | None = None
    user: OneOrMore[Annotated[str, Field(min_length=1)]] | None = None
    filter: Annotated[str, Field(min_length=1, max_length=LONGEST_FILTER)] | None = None

    @property
    def needs_response(self) -> bool:
        """Whether it looks at what only a response has."""
        return bool(self.status or self.response_header)


class QuerySection(schema.Section):
    """``query``: parameters of the request."""

    remove: OneOrMore[Annotated[str, checked(parameter_pattern)]] | None = None
    replace: dict[Parameter, Replacements] = {}
    set: dict[Parameter, str] = {}
    default: dict[Parameter, str] = {}


class CookieSection(schema.Section):
    """``cookie``: cookies of the request."""

    remove: OneOrMore[CookiePattern] | None = None
    replace: dict[CookieName, Replacements] = {}
    set: dict[CookieName, CookieValue] = {}
    default: dict[CookieName, CookieValue] = {}


class SetCookieSection(schema.Section):
    """``set_cookie``: cookies that the response sets."""

    remove: OneOrMore[CookiePattern] | None = None
    set: dict[CookieName, FieldValue] = {}
    attributes: dict[
        CookiePattern, dict[Annotated[str, checked(cookies.attribute)], FieldValue | None]
    ] = {}


class CspSection(schema.Section):
    """``csp``: directives of the response's Content-Security-Policy."""

    remove: OneOrMore[Directive] | None = None
    set: dict[Directive, Sources] = {}
    append: dict[Directive, Sources] = {}


class JsonSection(schema.Section):
    """``json``: values inside a JSON body, by pointer (RFC 6901) and merge patch (RFC 7396)."""

    remove: OneOrMore[PointerText] | None = None
    set: dict[PointerText, str] = {}
    merge: dict[str, Any] | None = None


class HtmlSection(schema.Section):
    """``html``: what is inserted before ``</head>`` and before ``</body>``."""

    head: str | None = None
    body: str | None = None


class BodySection(schema.Section):
    """``body``: what is done to a body, in this order."""

    text: str | None = None
    replace: dict[Annotated[str, Field(min_length=1)], str] = {}
    regex: dict[str, str] = {}
    json_: Annotated[JsonSection | None, Field(alias="json")] = None
    html: HtmlSection | None = None
    limit: Annotated[str, checked(size_bytes)] = "1m"


class AnswerSection(schema.Section):
    """``answer``: what is answered in place of the origin."""

    status: Annotated[str, checked(answer.answer_status)] = "200"
    headers: Fields = {}
    body: str | None = None
    file: Annotated[str, Field(min_length=1)] | None = None
    folder: Annotated[str, Field(min_length=1)] | None = None
    below: str = "/"
    missing: Literal["answer", "pass"] = "answer"

    @field_validator("below")
    @classmethod
    def _is_folder(cls, below: str) -> str:
        if not (below.startswith("/") and below.endswith("/")) or "?" in below:
            raise ValueError(f"expected a path that begins and ends with /, found {below!r:.70}")
        return below

    @model_validator(mode="after")
    def _is_one(self) -> AnswerSection:
        given = [k for k in ("body", "file", "folder") if getattr(self, k) is not None]
        if len(given) > 1:
            raise ValueError(f"expected one of body, file and folder, found {' and '.join(given)}")
        if given and int(self.status) in answer.BODILESS:
            raise ValueError(f"expected no {given[0]} with status {self.status}, which has no body")
        return self


class RedirectSection(schema.Section):
    """``redirect``: where a client is sent."""

    to: Annotated[str, checked(check_url), checked(field_value)]
    status: Annotated[str, checked(answer.redirect_status)] = "302"

    @model_validator(mode="before")
    @classmethod
    def _of_text(cls, found: Any) -> Any:
        return {"to": found} if isinstance(found, str) else found


class HeaderSection(schema.Section):
    """What is done to header fields, in this order."""

    remove: OneOrMore[Annotated[str, checked(removed_name)]] | None = None
    replace: Annotated[dict[FieldName, Replacements], AfterValidator(_each_once)] = {}
    set: Fields = {}
    default: Fields = {}
    append: Fields = {}


class RequestSection(HeaderSection):
    """``request``: what the origin will see, or what is answered in its stead."""

    url: Annotated[str, checked(check_url)] | None = None
    query: QuerySection | None = None
    method: Annotated[str, checked(patterns.edited_method)] | None = None
    cookie: CookieSection | None = None
    body: BodySection | None = None
    redirect: RedirectSection | None = None
    answer: AnswerSection | None = None

    @field_validator("answer")
    @classmethod
    def _is_only_answer(cls, found: AnswerSection, info: ValidationInfo) -> AnswerSection:
        if info.data.get("redirect") is not None:
            raise ValueError("expected either redirect or answer, found both")
        return found


class ResponseSection(HeaderSection):
    """``response``: what the client will see."""

    status: Annotated[str, checked(answer.body_status)] | None = None
    set_cookie: SetCookieSection | None = None
    csp: CspSection | None = None
    body: BodySection | None = None


class TestRequest(schema.Section):
    """The request of a test."""

    __test__ = False
    url: str
    method: str = "GET"
    headers: dict[str, str] = {}
    body: str = ""
    client: str | None = None
    user: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_text(cls, found: Any) -> Any:
        return {"url": found} if isinstance(found, str) else found


class TestResponse(schema.Section):
    """The response of a test."""

    __test__ = False
    status: Annotated[str, checked(answer.answer_status)] = "200"
    headers: dict[str, str] = {}
    body: str = ""


class ExpectedMessage(schema.Section):
    """What a message must say afterwards; a field with nothing behind it must be absent."""

    url: str | None = None
    method: str | None = None
    status: str | None = None
    headers: dict[str, str | None] = {}
    body: str | None = None


class ExpectSection(schema.Section):
    """``expect``: what a test must find."""

    applies: bool = True
    request: ExpectedMessage | None = None
    response: ExpectedMessage | None = None


class TestSection(schema.Section):
    """One of ``tests``: an exchange, and what all rules of the file must make of it."""

    __test__ = False
    request: TestRequest
    response: TestResponse | None = None
    expect: ExpectSection = ExpectSection()


class RuleSection(schema.Section):
    """One item of ``rules``."""

    id: str | None = None
    group: GroupName | None = None
    mode: Literal["act", "shadow"] = "act"
    match: MatchSection = MatchSection()
    unless: OneOrMoreSections[MatchSection] | None = None
    request: RequestSection = RequestSection()
    response: ResponseSection = ResponseSection()
    stop: Annotated[bool, Field(validate_default=True)] = False
    tests: list[TestSection] = []

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
    def _needs_no_response(cls, request: RequestSection, info: ValidationInfo) -> RequestSection:
        matches = [("match", info.data.get("match"))]
        matches += [("unless", each) for each in info.data.get("unless") or ()]
        for name, match in matches:
            if match is None or not match.needs_response or not _does_something(request):
                continue
            what = "status" if match.status else "response_header"
            raise ValueError(
                f"expected no {what} under {name}, since it is not known yet when a request is "
                "edited; edit the response in a rule of its own"
            )
        return request

    @field_validator("stop")
    @classmethod
    def _has_a_purpose(cls, stop: bool, info: ValidationInfo) -> bool:
        # A section that is wrong itself is absent here, and reported already.
        edits = [info.data.get("request"), info.data.get("response")]
        if not stop and all(edit is not None and not _does_something(edit) for edit in edits):
            raise ValueError("expected request, response or stop: true, found a rule without any")
        return stop


def _does_something(section: schema.Section) -> bool:
    """Return whether anything is said in *section*, or in one of its own."""
    for name in section.model_fields_set:
        value = getattr(section, name)
        if isinstance(value, schema.Section):
            if isinstance(value, AnswerSection | RedirectSection) or _does_something(value):
                return True
        elif (value or value == "") and name != "limit":  # an empty text is one, too
            return True
    return False


class RewriteFile(schema.Section):
    """The whole file.

    Args:
        group: of all rules that name none.
        enabled: whether the rules of the file are on when nobody says anything of their group.
        rules: the rules, in order.
    """

    group: GroupName | None = None
    enabled: bool = True
    rules: list[RuleSection] = []
