"""Show how the cache came to its numbers, in the RFC's own terms (RFC 9111 §4.2).

Pure.  Nothing of this is computed before somebody looks: a head, and what the
cache noted, are enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forebay.cache import vary
from forebay.cache.freshness import Validity, initial_age, lifetime
from forebay.cache.headers import Head
from forebay.cache.key import Target
from forebay.trafficlog.redact import Redactor

_LONGEST_BYTES = 4096


def freshness(cache: Mapping[str, Any], said: Validity) -> dict[str, str]:
    """Return lifetime, age and what is left of the one after the other, each with its reason.

    Args:
        cache: what the cache noted.
        said: what the response says about its age and lifetime.
    """
    age_s, ttl_s = cache.get("age_s"), cache.get("ttl_s")
    # 1. from the store: the cache has noted its own numbers
    if age_s is not None and ttl_s is not None:
        told_s, noted_s = lifetime(said), age_s + ttl_s
        is_told = noted_s <= told_s <= noted_s + 1  # both were cut to whole seconds
        return {
            "lifetime": f"{told_s} s, {source(said)}"
            if is_told
            else f"{noted_s} s, {_elsewhere(cache)}",
            "age": f"{age_s} s when it was served (§4.2.3)",
            "left": f"{ttl_s} s, lifetime minus age",
        }
    # 2. from the origin: what its head comes to on arrival
    lifetime_s = lifetime(said)
    apparent_s = max(0.0, said.received_at_s - said.date_s)
    delay_s = max(0.0, said.received_at_s - said.requested_at_s)
    arrived_s = initial_age(said)
    shown = {
        "lifetime": f"{lifetime_s} s, {source(said)}",
        "age": f"{arrived_s:.1f} s on arrival: the larger of {apparent_s:.1f} s since its Date "
        f"and {said.age_field_s} s by its Age field + {delay_s:.1f} s on the way (§4.2.3)",
        "left": f"{lifetime_s} s - {arrived_s:.1f} s = {lifetime_s - round(arrived_s, 1):.1f} s",
    }
    if cache.get("rule"):
        shown["lifetime"] += f"; another {_elsewhere(cache)}, if that sets one"
    return shown


def source(said: Validity) -> str:
    """Return what a lifetime comes from (§4.2.1): the first that is there counts.

    >>> source(Validity(0, 0, 0, max_age_s=60, s_maxage_s=5))
    'by s-maxage (§5.2.2.10)'
    """
    if said.forced_s is not None:
        return "by a rule of the user's"
    if said.s_maxage_s is not None:
        return "by s-maxage (§5.2.2.10)"
    if said.max_age_s is not None:
        return "by max-age (§5.2.2.1)"
    if said.expires_s is not None:
        return "by Expires minus Date (§5.3)"
    if said.heuristic_s:
        return "guessed: a tenth of the time since Last-Modified (§4.2.2)"
    return "as nothing is said of it"


def key(target: Target, redactor: Redactor) -> dict[str, Any]:
    """Return the parts of the key under which responses are stored (§2)."""
    return {
        "scheme": _text(target.scheme),
        "host": target.host,
        "port": target.port,
        "path": redactor.target(_text(target.path[:_LONGEST_BYTES])),
    }


def variants(request: Head, response: Head, redactor: Redactor) -> dict[str, Any] | str:
    """Return what the request said in the fields of the response's Vary (§4.1), redacted."""
    names = vary.names(response)
    if names is None:
        return "no other request selects it"
    shown: dict[str, Any] = {}
    for name in names:
        found, _ = redactor.fields(
            [(name, line) for line in request.lines(name)], max_bytes=_LONGEST_BYTES
        )
        shown[_text(name)] = ", ".join(found.get(_text(name), [])) or "absent"
    return shown


def _elsewhere(cache: Mapping[str, Any]) -> str:
    rule = cache.get("rule")
    if rule:
        return f"by the rule {rule['file']}:{rule['line']}"
    return "by what was stored (its head was edited since)"


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")
