"""One line of a list to a rule: plain domains, hosts files and ``||host^`` of Adblock lists.

================== ======================================================
``ads.example``     blocks the domain and all names below it
``0.0.0.0 a b``     hosts file: blocks exactly these hosts
``||ads.example^``  blocks the host and all names below it
``@@||ok.example^`` excepts the host and all names below it from blocking
``!`` or ``#``      comment; `` #`` also after a rule
================== ======================================================

What else Adblock lists hold (options, patterns, cosmetic rules) is refused as
unsupported, never taken as a wider rule than was written.
"""

from __future__ import annotations

import re

from forebay import names
from forebay.blocklist.rule import Effect, Rule, Scope
from forebay.errors import RuleError

LONGEST_LINE = 8192

# Canonical as it is: what nearly every line of a large list holds.
_DOMAIN = r"(?:[a-z0-9_-]{1,63}\.)+[a-z_-][a-z0-9_-]{0,62}"
_PLAIN_LINE = re.compile(_DOMAIN).fullmatch
_HOSTS_LINE = re.compile(rf"(?:0\.0\.0\.0|127\.0\.0\.1)[ \t]+({_DOMAIN})").fullmatch

_HOST = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*(?![0-9]+\Z)[a-z0-9_-]{1,63}").fullmatch
_LONGEST_NAME = 253
_HEADER = re.compile(r"\[[A-Za-z][^\]]*\]").fullmatch
_COSMETIC = re.compile(r"#[@?$%]*##?(?=[^\s#])")
_COMMENT = re.compile(r"\s#.*\Z", re.DOTALL)
_PATTERN = re.compile(r"[*/|^$=&?,~@]").search
_EVERYTHING = re.compile(r"[.*^|]*").fullmatch

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


class UnsupportedRuleError(RuleError):
    """A line that other filters may know how to use; counted apart from mistakes."""


def parse_line(text: str) -> Rule | None:
    """Return the rule in *text*, or None for a comment, a header or a blank line.

    Raises:
        UnsupportedRuleError: for what Adblock lists hold besides host rules.
        RuleError: for all else that is no rule, or that would match everything.

    >>> parse_line("0.0.0.0 ads.example").scope.name, parse_line("||ads.example^").scope.name
    ('HOST', 'SUBTREE')
    """
    if len(text) > LONGEST_LINE:
        raise RuleError(f"expected at most {LONGEST_LINE} characters, found {len(text)}")
    line = text.strip()
    if _PLAIN_LINE(line) and len(line) <= _LONGEST_NAME and line not in _LOCAL:
        return Rule((line,), Scope.SUBTREE, Effect.BLOCK)
    hosts_line = _HOSTS_LINE(line)
    if hosts_line and len(hosts_line[1]) <= _LONGEST_NAME and hosts_line[1] not in _LOCAL:
        return Rule((hosts_line[1],), Scope.HOST, Effect.BLOCK)
    return _parse_rest(line)


def _parse_rest(line: str) -> Rule | None:
    if not line or line.startswith("!") or _HEADER(line):
        return None
    if line.startswith("#") and not _COSMETIC.match(line):
        return None
    line = _COMMENT.sub("", line)
    if _COSMETIC.search(line):
        raise UnsupportedRuleError(f"expected a host rule, found a cosmetic one: {_shown(line)}")
    first, *others = line.split()
    if others:
        return _parse_hosts(first, others)
    if line.startswith("@@"):
        return _parse_adblock(line, line[2:], Effect.EXCEPT)
    if line.startswith("||"):
        return _parse_adblock(line, line, Effect.BLOCK)
    return _parse_domain(line)


def _parse_adblock(line: str, pattern: str, effect: Effect) -> Rule:
    if _EVERYTHING(pattern):
        raise RuleError(f"expected a host, found a rule for everything: {_shown(line)}")
    inner = pattern[2:-1]
    if not (pattern.startswith("||") and pattern.endswith("^")) or _PATTERN(inner):
        raise UnsupportedRuleError(f"expected ||host^ and no more, found {_shown(line)}")
    if inner.endswith("."):
        raise RuleError(f"expected a host, found {_shown(inner)}")
    return Rule((_host(inner),), Scope.SUBTREE, effect)


def _parse_hosts(address: str, hosts: list[str]) -> Rule | None:
    where = names.canonical(address)
    if not names.is_address(where):
        if _PATTERN(address):
            raise UnsupportedRuleError(f"expected a host rule, found {_shown(address)} and more")
        raise RuleError(f"expected one domain, or an address and hosts, found {_shown(address)}")
    listed = [host for host in hosts if host.lower() not in _LOCAL]
    if where not in _NOWHERE and listed:
        raise UnsupportedRuleError(
            f"expected the address 0.0.0.0, 127.0.0.1, :: or ::1, found {_shown(address)}"
        )
    blocked = tuple(name for name in map(_host, listed) if name not in _NOWHERE)
    return Rule(blocked, Scope.HOST, Effect.BLOCK) if blocked else None


def _parse_domain(line: str) -> Rule | None:
    if line.lower() in _LOCAL:
        return None
    if _EVERYTHING(line):
        raise RuleError(f"expected a host, found a rule for everything: {_shown(line)}")
    if _PATTERN(line):
        raise UnsupportedRuleError(f"expected a host rule, found a pattern: {_shown(line)}")
    host = _host(line)
    if host in _NOWHERE:
        raise RuleError(f"expected hosts after the address {_shown(line)}, found none")
    if "." not in host and ":" not in host:
        # In Adblock lists a bare word is a pattern for any part of a URL.
        raise UnsupportedRuleError(f"expected a domain or ||{host}^, found {_shown(line)}")
    return Rule((host,), Scope.SUBTREE, Effect.BLOCK)


def _host(text: str) -> str:
    """Return the canonical form of *text*.

    Raises:
        RuleError: when it is neither a host name nor an address.
    """
    host = names.canonical(text)
    if "%" not in text and names.is_address(host):
        return host
    if "%" in text or len(host) > _LONGEST_NAME or not _HOST(host):
        if re.search(r":\d+\Z", host):
            raise UnsupportedRuleError(f"expected a host without port, found {_shown(text)}")
        raise RuleError(f"expected a host, found {_shown(text)}")
    return host


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 60 else text[:59] + "…")
