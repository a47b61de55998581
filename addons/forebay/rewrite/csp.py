"""One directive of a Content-Security-Policy (CSP3 §2.2).

A response may carry several policies, in several lines or separated by commas,
and all of them hold; so an edit is made in each.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from forebay.errors import RuleError
from forebay.rewrite.exchange import Fields, bytes_of, text_of

NAME = b"content-security-policy"
_DIRECTIVE = re.compile(r"[A-Za-z][A-Za-z0-9-]*", re.ASCII).fullmatch
_SPACE = " \t\n\f\r"
_GAP = re.compile(r"[ \t\n\f\r]+")
# What applies where the directive itself is absent (CSP3 §6.8.3).
_DEFAULT = ("default-src",)
_FALLBACKS = {
    f"{kind}-src": _DEFAULT
    for kind in ("child", "connect", "font", "img", "manifest", "media", "object", "prefetch")
} | {
    "script-src": _DEFAULT,
    "script-src-elem": ("script-src", *_DEFAULT),
    "script-src-attr": ("script-src", *_DEFAULT),
    "style-src": _DEFAULT,
    "style-src-elem": ("style-src", *_DEFAULT),
    "style-src-attr": ("style-src", *_DEFAULT),
    "frame-src": ("child-src", *_DEFAULT),
    "worker-src": ("child-src", "script-src", *_DEFAULT),
}
# They forbid nothing, so one more of them is no harm.
_REPORTS = frozenset({"report-to", "report-uri"})

type Policy = list[tuple[str, str]]
"""Directives, in order: name in lower case, and what follows it."""


def directive(text: str) -> str:
    """Return *text* as the name of a directive, in lower case.

    Raises:
        RuleError: when it is none.
    """
    if not _DIRECTIVE(text):
        raise RuleError(f"expected a CSP directive such as img-src, found {text!r:.70}")
    return text.lower()


def source_list(text: str) -> str:
    """Return *text* as what may follow the name of a directive.

    Raises:
        RuleError: when it would end the directive or the policy.
    """
    if ";" in text or "," in text:
        raise RuleError(f"expected sources without ; and , found {text!r:.70}")
    return text


def parse(policy: str) -> Policy:
    """Return the directives of one policy; of several with one name the first counts.

    >>> parse("default-src 'self'; IMG-SRC *;")
    [('default-src', "'self'"), ('img-src', '*')]
    """
    found: dict[str, str] = {}
    for part in policy.split(";"):
        name, *sources = _GAP.split(part.strip(_SPACE), maxsplit=1)
        if name:
            found.setdefault(name.lower(), "".join(sources))
    return list(found.items())


def serialize(policy: Policy) -> str:
    """Return *policy* as text."""
    return "; ".join(f"{name} {sources}" if sources else name for name, sources in policy)


def put(policy: Policy, name: str, sources: str) -> Policy:
    """Return *policy* with that directive, in the place of one there was."""
    if any(key == name for key, _ in policy):
        return [(key, sources if key == name else found) for key, found in policy]
    return [*policy, (name, sources)]


def append(policy: Policy, name: str, sources: str) -> Policy:
    """Return *policy* with more sources for a directive.

    One that is absent begins with those that hold in its stead, so that nothing
    which was allowed is forbidden by what is added; where none do, all is
    allowed, and stays so.

    >>> append([("default-src", "'none'")], "img-src", "https://a.example")
    [('default-src', "'none'"), ('img-src', 'https://a.example')]
    """
    present = dict(policy)
    ruling = (name, *_FALLBACKS.get(name, ()))
    before = next((present[each] for each in ruling if each in present), None)
    if before is None and name not in _REPORTS:
        return policy
    kept = [word for word in _words(before or "") if word.lower() != "'none'"]
    more = [word for word in _words(sources) if word not in kept]
    return put(policy, name, " ".join([*kept, *more]))


def _words(sources: str) -> list[str]:
    return [word for word in _GAP.split(sources) if word]


def remove(policy: Policy, name: str) -> Policy:
    """Return *policy* without that directive."""
    return [(key, found) for key, found in policy if key != name]


def edit(
    response: Fields,
    change: Callable[[Policy], Policy],
    *,
    or_new: bool = False,
    lower_case: bool = False,
) -> Fields:
    """Return the fields of a response with each of its policies changed.

    A policy that is left empty goes.  With *or_new* a response without any
    gets what *change* makes of an empty one.
    """
    fields: list[tuple[bytes, bytes]] = []
    is_there = False
    for key, line in response:
        if key.lower() != NAME:
            fields.append((key, line))
            continue
        texts = text_of(line).split(",")
        edited = [_edited(text, change) for text in texts]
        is_there = is_there or any(map(parse, texts))
        if edited == texts:
            fields.append((key, line))
        elif kept := [text.strip(_SPACE) for text in edited if text.strip(_SPACE)]:
            fields.append((key, bytes_of(", ".join(kept))))
    if or_new and not is_there:
        new = change([])
        if new:
            key = NAME if lower_case else b"Content-Security-Policy"
            fields.append((key, bytes_of(serialize(new))))
    return tuple(fields)


def _edited(text: str, change: Callable[[Policy], Policy]) -> str:
    """Return one policy changed; as it was written where that changes nothing."""
    before = parse(text)
    after = change(before) if before else before
    return text if after == before else text_of(bytes_of(serialize(after)))
