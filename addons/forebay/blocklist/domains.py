"""Hosts and the names above them: which rules can be about them, and whose they are.

Reads the public suffix list that comes with publicsuffixlist, once, when first
asked.  All hosts are canonical (`forebay.names`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from forebay.names import is_address

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

# No name in DNS is longer, so no rule reaches further back than this.
_LONGEST_NAME = 253


@dataclass(frozen=True, slots=True, eq=False)
class Host:
    """A host, and all that rules may call it.

    Args:
        name: the host itself.
        parents: the host and each name above it, the closest first.
        names: those, and then the entity forms (``example.*`` for ``www.example.co.uk``).
        site: the registrable domain, or the host itself where it has none.
    """

    name: str
    parents: tuple[str, ...]
    names: tuple[str, ...]
    site: str


def host(name: str) -> Host:
    """Return what is to be known about the canonical *name*.

    >>> host("www.shop.example.co.uk").site
    'example.co.uk'
    >>> host("a.example.co.uk").names
    ('a.example.co.uk', 'example.co.uk', 'co.uk', 'uk', 'a.example.*', 'example.*')
    """
    # What is longer is no name, and not kept: everybody can make up as many as they like.
    return _host(name) if len(name) <= _LONGEST_NAME else _made(name)


def _made(name: str) -> Host:
    if is_address(name):
        return Host(name, (name,), (name,), name)
    parents = _parents(name)
    suffix = _public_suffixes().publicsuffix(name) or ""
    bare = name[: -len(suffix) - 1] if suffix and name != suffix else ""
    entities = tuple(f"{each}.*" for each in _parents(bare)) if bare else ()
    site = f"{bare.rpartition('.')[2]}.{suffix}" if bare and suffix else name
    return Host(name, parents, parents + entities, site)


_host = lru_cache(maxsize=8192)(_made)


def _parents(name: str) -> tuple[str, ...]:
    found = [name]
    dot = name.find(".", max(0, len(name) - _LONGEST_NAME - 1)) + 1
    while dot:
        found.append(name[dot:])
        dot = name.find(".", dot) + 1
    return tuple(found)


@cache
def _public_suffixes() -> PublicSuffixList:
    # Imported late: reading the list takes 15 ms, and without rules nobody asks.
    from publicsuffixlist import PSLFILE, PublicSuffixList

    # Given the file, it would encode every line; hosts are canonical, and few lines are not.
    with Path(PSLFILE).open(encoding="utf-8") as lines:
        return PublicSuffixList(map(_encoded, lines), accept_encoded_idn=False)


def _encoded(line: str) -> str:
    if line.isascii() or line.startswith("//"):
        return line
    rule = line.split(maxsplit=1)[0]
    name = rule.removeprefix("!")
    return rule[: len(rule) - len(name)] + name.encode("idna").decode("ascii")
