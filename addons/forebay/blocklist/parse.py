"""One line of a list to a rule: Adblock network rules, hosts files, plain domains.

======================= ======================================================
``ads.example``         blocks the domain and all names below it
``0.0.0.0 a b``         hosts file: blocks exactly these hosts
``||ads.example^``      blocks the host and all names below it
``/banner/*$script``    a pattern (see `pattern`) and options (see `options`)
``/ad[0-9]+/``          a regular expression
``@@||ok.example^``     an exception
``!`` or ``#``          comment; `` #`` also after a domain or hosts
======================= ======================================================

What else lists hold (cosmetic rules, options that a proxy cannot follow) is
refused as unsupported, never taken as a wider rule than was written.
"""

from __future__ import annotations

import re
from dataclasses import replace

from forebay import names
from forebay.blocklist import resource
from forebay.blocklist.expression import literal_of, parse_expression
from forebay.blocklist.modifier import KINDS, Kind
from forebay.blocklist.options import KNOWN, NONE, Options, UnsupportedRuleError, parse_options
from forebay.blocklist.pattern import parse_pattern
from forebay.blocklist.request import Request
from forebay.blocklist.rule import Effect, Exact, HostRule, NetworkRule, Scope
from forebay.errors import RuleError

LONGEST_LINE = 32_768
FEWEST_LETTERS = 3
"""A pattern with fewer given characters needs options that say where it holds."""

_UNLIKE = [
    [Request.of(f"{scheme}://{name}/") for name in ("q.zj", "7x.kv")]
    for scheme in ("http", "https", "ws", "wss")
]
_SHORT = 1 + len("https://7x.kv/")

# Canonical as it is: what nearly every line of a large list holds.
_DOMAIN = r"(?:[a-z0-9_-]{1,63}\.)+[a-z_-][a-z0-9_-]{0,62}"
_PLAIN_LINE = re.compile(rf"(?:(\|\|)|(?![_-]))({_DOMAIN})(?(1)\^)").fullmatch
_HOSTS_LINE = re.compile(rf"(?:0\.0\.0\.0|127\.0\.0\.1)[ \t]+({_DOMAIN})").fullmatch

_HOST = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*(?![0-9]+\Z)[a-z0-9_-]{1,63}").fullmatch
_LONGEST_NAME = 253
_HEADER = re.compile(r"\[[A-Za-z][^\]]*\]").fullmatch
_COSMETIC = re.compile(r"#[@?$%]*##?(?=[^\s#])")
_COMMENT = re.compile(r"\s#.*\Z", re.DOTALL)
# No pattern, but letters, digits and dots, of whatever script.
_DOMAIN_LIKE = re.compile(r"[^\W_][^\s!-,/:-@\[-`{-~]*").fullmatch
_OPTION = re.compile(r"~?[A-Za-z0-9_-]+(?:=|,|\Z)").match
_SURE_OPTION = re.compile(
    r"\$~?(?:"
    + "|".join(
        sorted(
            KNOWN | KINDS.keys() | resource.ALL | {"domain", "from", "to", "denyallow", "method"}
        )
    )
    + r")(?:=|,|\Z)",
    re.IGNORECASE,
).search
# Their values may hold a ``$`` themselves, and end in a slash.
_VALUED = re.compile(r"[$,](?:" + "|".join(KINDS) + r")=", re.IGNORECASE).search

_PATTERN_BEGINS = frozenset("|/-_.&?=")
# Where no type is named, a page is not blocked by accident, but saved.
_USUAL = {Effect.BLOCK: resource.USUAL, Effect.EXCEPT: resource.ALL}

# Addresses to which hosts files send what they block.
_NOWHERE = frozenset({"0.0.0.0", "127.0.0.1", "::", "::1"})
# Names that a hosts file has for the machine itself.
_LOCAL = frozenset(
    {
        "localhost",
        "localhost.localdomain",
        "localhost4",
        "localhost6",
        "localhost6.localdomain6",
        "local",
        "broadcasthost",
        "ip6-localhost",
        "ip6-loopback",
        "ip6-localnet",
        "ip6-mcastprefix",
        "ip6-allnodes",
        "ip6-allrouters",
        "ip6-allhosts",
    }
)


def parse_line(text: str) -> HostRule | NetworkRule | None:
    """Return the rule in *text*, or None for a comment, a header or a blank line.

    Raises:
        UnsupportedRuleError: for what other filters may know how to use.
        RuleError: for all else that is no rule, or that would match everything.

    >>> parse_line("0.0.0.0 ads.example").scope.name, parse_line("||ads.example^").scope.name
    ('HOST', 'SUBTREE')
    """
    if len(text) > LONGEST_LINE:
        raise RuleError(f"expected at most {LONGEST_LINE} characters, found {len(text)}")
    line = text.strip()
    plain = _PLAIN_LINE(line)
    if plain and len(plain[2]) <= _LONGEST_NAME and (plain[1] or line not in _LOCAL):
        return HostRule((plain[2],), Scope.SUBTREE, Effect.BLOCK)
    hosts_line = _HOSTS_LINE(line)
    if hosts_line and len(hosts_line[1]) <= _LONGEST_NAME and hosts_line[1] not in _LOCAL:
        return HostRule((hosts_line[1],), Scope.HOST, Effect.BLOCK)
    return _parse_rest(line)


def _parse_rest(line: str) -> HostRule | NetworkRule | None:
    if not line or line.startswith("!") or _HEADER(line):
        return None
    if "#" in line:
        if _COSMETIC.search(line):
            raise UnsupportedRuleError(f"expected a network rule, found {_shown(line)}", "cosmetic")
        if line.startswith("#"):
            return None
    if line.startswith("@@"):
        return _parse_adblock(line, _COMMENT.sub("", line[2:]), Effect.EXCEPT)
    if line[0] in _PATTERN_BEGINS and "#" not in line:
        return _parse_adblock(line, line, Effect.BLOCK)  # most of a large list's other lines
    bare = _COMMENT.sub("", line)
    first, *others = bare.split()
    if names.is_address(names.canonical(first)):
        return _parse_hosts(first, others) if others else _parse_domain(first)
    if not others and _DOMAIN_LIKE(first):
        return _parse_domain(first)
    return _parse_adblock(line, bare, Effect.BLOCK)


def _parse_adblock(line: str, text: str, effect: Effect) -> HostRule | NetworkRule:
    pattern, option_text = _divided(text)
    options = parse_options(option_text) if option_text else NONE
    if options.modifier is not None:
        return _modifying(line, pattern, option_text, options, effect)
    if effect is Effect.EXCEPT and options.redirect_only:
        raise UnsupportedRuleError("expected redirect-rule in a block", "redirect-rule exception")
    if _is_regex(pattern):
        return _expression(line, pattern, option_text, options, effect)
    found = parse_pattern(pattern, match_case=options.match_case)
    only_host = found.host is not None and not found.literal and found.glob is None
    if (
        found.host is None
        and found.letters < _SHORT
        and not _is_narrow(options, effect)
        and (found.letters < FEWEST_LETTERS or _is_everywhere(found.literal, found.glob))
    ):
        raise RuleError(
            f"expected a host or a pattern, found a rule for everything: {_shown(line)}"
        )
    if only_host and found.host is not None and options == NONE:
        return HostRule((found.host,), Scope.SUBTREE, effect)
    return NetworkRule(
        effect, found.host, found.literal, found.glob, found.tokens, options,
        options.mask(resource.ALL if only_host else _USUAL[effect]), _key(pattern, option_text),
    )  # fmt: skip


def _modifying(
    line: str, pattern: str, option_text: str, options: Options, effect: Effect
) -> NetworkRule:
    """Return a rule that blocks nothing, but changes a request or its response."""
    modifier = options.modifier
    assert modifier is not None
    excepts = effect is Effect.EXCEPT
    if not modifier.value and not excepts and modifier.kind is not Kind.REMOVEPARAM:
        raise RuleError(f"expected a value after {modifier.kind.value}=, found none")
    mask = options.mask(modifier.usual)
    exact: Exact | None
    tokens: tuple[str, ...] = ()
    if _is_regex(pattern):
        exact = parse_expression(pattern[1:-1], match_case=options.match_case)
        host, literal = None, literal_of(pattern[1:-1])
    else:
        found = parse_pattern(pattern, match_case=options.match_case)
        host, tokens, literal, exact = found.host, found.tokens, found.literal, found.glob
    if (
        modifier.is_sweeping
        and host is None
        and not _is_narrow(options, effect)
        and _is_everywhere(literal, exact)
    ):
        raise RuleError(
            f"expected a host, a pattern or a value, found a rule for everything: {_shown(line)}"
        )
    if not literal and not excepts:
        tokens = tokens or modifier.parameters.tokens()
    return NetworkRule(
        effect, host, literal, exact, tokens, options, mask, _key(pattern, option_text)
    )


def _expression(
    line: str, pattern: str, option_text: str, options: Options, effect: Effect
) -> NetworkRule:
    exact = parse_expression(pattern[1:-1], match_case=options.match_case)
    literal = literal_of(pattern[1:-1])
    if not _is_narrow(options, effect) and _is_everywhere(literal, exact):
        raise RuleError(f"expected a regex, found a rule for everything: {_shown(line)}")
    return NetworkRule(
        effect, None, literal, exact, (), options, options.mask(_USUAL[effect]),
        _key(pattern, option_text),
    )  # fmt: skip


def _is_narrow(options: Options, effect: Effect) -> bool:
    """Return whether the options alone say enough."""
    if effect is Effect.EXCEPT and options.types and "document" in options.types:
        # It is about all that such a page asks for.
        return replace(options, types=None).narrow
    return options.narrow


def _is_everywhere(literal: str, exact: Exact | None) -> bool:
    """Return whether of some scheme all URLs match: two that have nothing else in common do."""
    return any(
        all(
            literal in request.url and (exact is None or exact.matches(request))
            for request in unlike
        )
        for unlike in _UNLIKE
    )


def _is_regex(pattern: str) -> bool:
    return len(pattern) > 2 and pattern.startswith("/") and pattern.endswith("/")


def _divided(text: str) -> tuple[str, str]:
    """Return the pattern and the options, which follow the last ``$`` that options can follow."""
    at = text.rfind("$")
    if at < 0:
        return text, ""
    if "=" in text and (found := _VALUED(text)):
        begins = text.rfind("$", 0, found.end())
        if begins >= 0 and _OPTION(text, begins + 1):
            return text[:begins], text[begins + 1 :]
    if not _is_regex(text) and _OPTION(text, at + 1):
        return text[:at], text[at + 1 :]
    if _SURE_OPTION(text):
        # Their values hold a ``$`` themselves.
        raise UnsupportedRuleError(f"expected options after $, found {_shown(text)}", "regex value")
    return text, ""


def _key(pattern: str, option_text: str) -> tuple[str, str]:
    if not option_text:
        return pattern, ""
    parts = (part.strip().lower() for part in option_text.split(","))
    return pattern, ",".join(sorted(part for part in parts if part != "badfilter"))


def _parse_hosts(address: str, hosts: list[str]) -> HostRule | None:
    where = names.canonical(address)
    listed = [host for host in hosts if host.lower() not in _LOCAL]
    if where not in _NOWHERE and listed:
        raise UnsupportedRuleError(
            f"expected the address 0.0.0.0, 127.0.0.1, :: or ::1, found {_shown(address)}",
            "hosts entry with another address",
        )
    blocked = tuple(name for name in map(_host, listed) if name not in _NOWHERE)
    return HostRule(blocked, Scope.HOST, Effect.BLOCK) if blocked else None


def _parse_domain(text: str) -> HostRule | None:
    if text.lower() in _LOCAL:
        return None
    host = _host(text)
    if host in _NOWHERE:
        raise RuleError(f"expected hosts after the address {_shown(text)}, found none")
    if "." not in host and ":" not in host:
        # Other filters take a bare word for a pattern: any URL that has it anywhere.
        raise UnsupportedRuleError(
            f"expected a domain or ||{host}^ or *{host}*, found {_shown(text)}", "bare word"
        )
    return HostRule((host,), Scope.SUBTREE, Effect.BLOCK)


def _host(text: str) -> str:
    """Return the canonical form of *text*.

    Raises:
        RuleError: when it is neither a host name nor an address.
    """
    host = names.canonical(text)
    if "%" not in text and names.is_address(host):
        return host
    if "%" in text or len(host) > _LONGEST_NAME or not _HOST(host):
        raise RuleError(f"expected a host, found {_shown(text)}")
    return host


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 60 else text[:59] + "…")
