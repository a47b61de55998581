"""What follows the ``$`` of an Adblock rule: for which requests the rule holds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from forebay import names
from forebay.blocklist import resource
from forebay.blocklist.modifier import FIELDS, KINDS, PAGES, Modifier, parse_modifier
from forebay.blocklist.request import Request
from forebay.errors import RuleError


class UnsupportedRuleError(RuleError):
    """A line that other filters may know how to use; counted apart from mistakes, by *kind*."""

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Domains:
    """A list of domains, some negated; of those that cover a host the most specific one counts.

    *otherwise* is what holds for a host that none covers.
    """

    table: dict[str, bool]
    otherwise: bool

    def cover(self, host_names: tuple[str, ...]) -> bool:
        """Return whether a host with these names is meant."""
        table = self.table
        for name in host_names:
            meant = table.get(name)
            if meant is not None:
                return meant
        return self.otherwise

    @property
    def meant(self) -> tuple[str, ...]:
        """The domains that are not negated."""
        return tuple(name for name, meant in self.table.items() if meant)


@dataclass(frozen=True, slots=True)
class Options:
    """All options of one rule.

    Args:
        types: the types that the rule names, None when it names none.
        parties: `resource.THIRD`, ``FIRST``, ``UNKNOWN``: those that fit.
        sources: pages that fit (``domain``), None for all.
        targets: hosts of requests that fit (``to``), None for all.
        spared: hosts of requests that do not fit (``denyallow``).
        methods: methods in lower case and whether they fit, None for all.
        strict: whether page and host must differ (True) or be the same (False).
        redirect: the name of what to answer with.
        redirect_only: block nothing, but name the answer of what another rule blocks.
        modifier: block nothing, but change this.
    """

    types: frozenset[str] | None = None
    parties: int = resource.ANY_PARTY
    sources: Domains | None = None
    targets: Domains | None = None
    spared: frozenset[str] = frozenset()
    methods: Domains | None = None
    strict: bool | None = None
    match_case: bool = False
    important: bool = False
    badfilter: bool = False
    redirect: str | None = None
    redirect_only: bool = False
    modifier: Modifier | None = None

    @property
    def conditional(self) -> bool:
        """Whether `hold` has anything to look at."""
        return not (
            self.sources is None
            and self.targets is None
            and not self.spared
            and self.methods is None
            and self.strict is None
        )

    @property
    def narrow(self) -> bool:
        """Whether the options alone keep a rule from being about everything."""
        return (
            (self.types is not None and len(self.types) < len(resource.USUAL) - 1)
            or (self.sources is not None and not self.sources.otherwise)
            or (self.targets is not None and not self.targets.otherwise)
            or (self.methods is not None and not self.methods.otherwise)
        )

    def mask(self, usual: frozenset[str]) -> int:
        """Return the (type, party) pairs that fit, *usual* being meant where no type is named."""
        return resource.bits(usual if self.types is None else self.types, self.parties)

    def hold(self, request: Request) -> bool:
        """Return whether all but type and party fit *request*.

        A page that is not known is no page: it satisfies no ``domain`` that names one.
        """
        source = request.source
        if self.sources is not None and not (
            self.sources.otherwise if source is None else self.sources.cover(source.names)
        ):
            return False
        host_names = request.host.names
        if self.targets is not None and not self.targets.cover(host_names):
            return False
        if self.spared and not self.spared.isdisjoint(host_names):
            return False
        if self.methods is not None and not self.methods.cover((request.method.lower(),)):
            return False
        if self.strict is None:
            return True
        return source is not None and (source.name != request.host.name) is self.strict


NONE = Options()

# A comma ends an option only where a next one begins: values may hold commas.
_NEXT = re.compile(r"(?<!\\),(?=~?[A-Za-z0-9_-]+(?:[=,]|\Z))")
_DOMAIN = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}(?:\.\*)?").fullmatch
_METHOD = re.compile(r"[a-z-]{1,32}").fullmatch
# The answer that goes with the type, which is what there is without any name.
_EMPTY = re.compile(r"empty(?::-?[0-9]+)?", re.IGNORECASE).fullmatch
_LONGEST_NAME = 253

_PARTIES = {
    "third-party": resource.THIRD,
    "3p": resource.THIRD,
    "first-party": resource.FIRST,
    "1p": resource.FIRST,
}
_STRICT = {
    "strict-third-party": True,
    "strict3p": True,
    "strict-first-party": False,
    "strict1p": False,
}
# A rule is not widened by leaving out types that are never seen here.
_UNSEEN = frozenset({"popup", "popunder", "webrtc", "inline-script", "inline-font"})
_ABP_RESOURCE = "abp-resource:"
KNOWN = frozenset(
    [
        "app",
        "cname",
        "client",
        "content",
        "cookie",
        "ctag",
        "dnsrewrite",
        "dnstype",
        "ehide",
        "elemhide",
        "extension",
        "genericblock",
        "generichide",
        "ghide",
        "hls",
        "ipaddress",
        "jsinject",
        "jsonprune",
        "network",
        "referrerpolicy",
        "removeheader",
        "replace",
        "responseheader",
        "shide",
        "specifichide",
        "stealth",
        "uritransform",
        "urlblock",
        "urlskip",
        "urltransform",
        "xmlprune",
    ]
)
"""Options of other filters that say what cannot be done here."""


@lru_cache(maxsize=1024)
def parse_options(text: str) -> Options:
    """Return the options in *text*, which is what follows the ``$``.

    Raises:
        UnsupportedRuleError: for an option that is not known here: without it
            the rule would be a wider one than was written.
        RuleError: for a value that means nothing, such as an empty ``domain=``.

    >>> parse_options("script,~third-party,domain=a.example|~b.a.example").types
    frozenset({'script'})
    """
    builder = _Builder()
    for part in _NEXT.split(text):
        builder.add(part)
    return builder.options()


class _Builder:
    """What the options read so far add up to."""

    def __init__(self) -> None:
        self._types: set[str] = set()
        self._not_types: set[str] = set()
        self._unseen: list[str] = []
        self._values: dict[str, object] = {}

    def add(self, part: str) -> None:
        name, equals, value = part.strip().partition("=")
        negated = name.startswith("~")
        name = name.removeprefix("~").lower()
        plain = resource.ALIASES.get(name, name)
        if equals:
            self._add_value(name, value.strip(), part, negated=negated)
        elif plain in resource.ALL:
            (self._not_types if negated else self._types).add(plain)
        elif name in _UNSEEN:
            if not negated:
                self._unseen.append(name)
        elif name == "all" and not negated:
            self._types |= resource.ALL
        elif name in _PARTIES:
            party = _PARTIES[name]
            other = resource.THIRD | resource.FIRST
            self._set("parties", other & ~party if negated else party, part)
        elif name in _STRICT and not negated:
            self._set("strict", _STRICT[name], part)
        elif name in ("match-case", "important", "badfilter") and not negated:
            self._values[name.replace("-", "_")] = True
        elif name in KINDS and not negated:
            self._set("modifier", Modifier(KINDS[name]), part)
        elif name == "empty" and not negated:
            self._set("redirect", None, part)
        elif name == "mp4" and not negated:
            self._set("redirect", "noop-1s.mp4", part)
            self._types.add("media")
        elif name.strip("_") or not name:
            raise _unknown(name, part)

    def _add_value(self, name: str, value: str, part: str, *, negated: bool) -> None:
        if negated:
            raise _unknown(name, part)
        match name:
            case "domain" | "from":
                self._set("sources", _domains(name, value), part)
            case "to":
                self._set("targets", _domains(name, value), part)
            case "denyallow":
                spared = _domains(name, value)
                if spared.otherwise:
                    raise RuleError(
                        f"expected domains without ~ after denyallow=, found {value!r:.60}"
                    )
                self._set("spared", frozenset(spared.table), part)
            case "method":
                self._set("methods", _methods(value), part)
            case _ if name in KINDS:
                self._set("modifier", parse_modifier(KINDS[name], value), part)
            case "redirect" | "redirect-rule":
                stub = _nonempty(name, value)
                self._set("redirect", None if _EMPTY(stub) else stub, part)
                self._values["redirect_only"] = name == "redirect-rule"
            case "rewrite" if value.startswith(_ABP_RESOURCE):
                stub = _nonempty(name, value.removeprefix(_ABP_RESOURCE))
                self._set("redirect", stub, part)
            case _:
                raise _unknown(name, part)

    def _set(self, name: str, value: object, part: str) -> None:
        # Of two, other filters take the first, the last or both: one of them would be wider.
        if self._values.setdefault(name, value) != value:
            raise RuleError(f"expected one option of this kind, found another: {part!r:.60}")

    def options(self) -> Options:
        types: frozenset[str] | None = None
        modifier = self._values.get("modifier")
        is_for_pages = isinstance(modifier, Modifier) and modifier.kind in FIELDS
        if modifier is not None and "redirect" in self._values:
            raise RuleError("expected redirect or an option that changes something, found both")
        if self._types:
            types = frozenset(self._types - self._not_types)
        elif self._unseen:
            kind = self._unseen[0]
            raise UnsupportedRuleError(f"expected a type that a proxy sees, found {kind}", kind)
        elif self._not_types:
            types = (PAGES if is_for_pages else resource.USUAL) - self._not_types
        if types is not None and not types:
            raise RuleError("expected a type, found each of them negated")
        return Options(types=types, **self._values)  # type: ignore[arg-type]


def _unknown(name: str, part: str) -> UnsupportedRuleError:
    kind = name if name in KNOWN or name in _UNSEEN else "unknown option"
    return UnsupportedRuleError(f"expected an option that is known here, found {part!r:.60}", kind)


def _nonempty(name: str, value: str) -> str:
    if not value:
        raise RuleError(f"expected a value after {name}=, found none")
    return value


def _domains(name: str, value: str) -> Domains:
    table: dict[str, bool] = {}
    for item in value.split("|"):
        negated = item.startswith("~")
        domain = _domain(name, item[1:] if negated else item)
        table[domain] = not negated
    return Domains(table, otherwise=not any(table.values()))


def _domain(option: str, text: str) -> str:
    if _DOMAIN(text) and not text[-1].isdigit():
        return text
    if text.startswith("/"):
        raise UnsupportedRuleError(
            f"expected a domain, found a regex: {text!r:.60}", "regex domain"
        )
    entity = text.endswith(".*")
    found = names.canonical(text[:-2] if entity else text)
    if not names.is_address(found) and not (_DOMAIN(found) and len(found) <= _LONGEST_NAME):
        raise RuleError(f"expected domains after {option}=, found {text!r:.60}")
    return f"{found}.*" if entity else found


def _methods(value: str) -> Domains:
    table: dict[str, bool] = {}
    for item in value.lower().split("|"):
        name = item.removeprefix("~")
        if not _METHOD(name):
            raise RuleError(f"expected methods after method=, found {value!r:.60}")
        table[name] = name == item
    return Domains(table, otherwise=not any(table.values()))
