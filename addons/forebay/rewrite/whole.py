"""What a request must not ask for, so that the body of its response can be edited.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

from dataclasses import replace

from forebay import contentcoding
from forebay.rewrite.exchange import Exchange, Fields
from forebay.rewrite.index import RuleIndex
from forebay.rewrite.rule import Mode
from forebay.rewrite.run import Applied, changes_of

_OF_PARTS = frozenset({b"range", b"if-range"})


def asked_whole(
    rules: RuleIndex, exchange: Exchange, sent: Exchange
) -> tuple[Applied | None, Fields]:
    """Return the fields of a request for no part, and for no coding that nobody here can undo.

    As a change of the first rule that will edit the body; None where nothing is
    changed.

    Args:
        rules: those that edit bodies of responses, as far as a request tells.
        exchange: what they look at.
        sent: the same, with the fields that will be sent.
    """
    rule = next(
        (
            rules.rules[number]
            for number in rules.candidates(exchange)
            if rules.rules[number].mode is Mode.ACT
            and rules.rules[number].matcher.match(exchange, of_response=True) is not None
        ),
        None,
    )
    if rule is None:
        return None, sent.request
    kept = tuple(
        (name, _known_codings(value) if name.lower() == b"accept-encoding" else value)
        for name, value in sent.request
        if name.lower() not in _OF_PARTS
    )
    if kept == sent.request:
        return None, kept
    return Applied(rule, changes_of(sent, replace(sent, request=kept))), kept


def _known_codings(value: bytes) -> bytes:
    """Return an Accept-Encoding without codings that nobody here can undo."""
    kept = [
        part.strip()
        for part in value.decode("latin-1").split(",")
        if part.partition(";")[0].strip().lower() in {*contentcoding.KNOWN, "identity", ""}
    ]
    return ", ".join(filter(None, kept)).encode("latin-1") or b"identity"
