"""Records for the tests of what is made of them."""

from __future__ import annotations

import types
from datetime import UTC, datetime
from typing import Any, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from forebay.trafficlog.record import Record

BEGAN = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
KINDS = ("http", "websocket", "tunnel", "tcp", "udp", "tls", "dns", "malformed")


def exchange(**given: Any) -> Record:
    """An HTTP exchange like most."""
    return Record(
        **{
            "kind": "http",
            "seq": 1,
            "timestamp": BEGAN,
            "method": "GET",
            "url_full": "https://a.example/x?q=1",
            "url_path": "/x",
            "url_query": "q=1",
            "status": 200,
            "protocol_version": "1.1",
            "client_address": "127.0.0.1",
            "server_address": "a.example",
            "server_port": 443,
        }
        | given
    )


# All that a line can hold: no lone surrogates, as the writer has none.
TEXT = st.text(max_size=20)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
_PLAIN = {
    str: TEXT,
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    datetime: st.datetimes(timezones=st.just(UTC)),
    Any: _JSON,
}


def _of(hint: Any) -> st.SearchStrategy[Any]:
    hint = getattr(hint, "__value__", hint)
    if isinstance(hint, types.UnionType):
        return st.one_of(
            *(st.none() if part is type(None) else _of(part) for part in get_args(hint))
        )
    if get_origin(hint) is list:
        return st.lists(_of(get_args(hint)[0]), max_size=3)
    if get_origin(hint) is dict:
        return st.dictionaries(TEXT, _of(get_args(hint)[1]), max_size=3)
    return _PLAIN[hint]


_FIELDS = {name: _of(hint) for name, hint in get_type_hints(Record).items()}


def any_records(**given: st.SearchStrategy[Any]) -> st.SearchStrategy[Record]:
    """Any record of the schema's types, whether or not it makes sense."""
    required = {"v": st.just(1), "kind": st.sampled_from(KINDS), "seq": _FIELDS["seq"], **given}
    optional = {name: values for name, values in _FIELDS.items() if name not in required}
    return st.fixed_dictionaries(required, optional=optional).map(lambda values: Record(**values))


EXCHANGES = any_records(
    kind=st.sampled_from(["http", "websocket"]),
    timestamp=st.datetimes(timezones=st.just(UTC)),
    url_full=st.sampled_from(["http://a.example/", "https://[::1]:8443/x?a=1#"]),
    status=st.none() | st.integers(100, 999),
    request_headers=st.none()
    | st.dictionaries(TEXT | st.sampled_from(["cookie", "referer"]), st.lists(TEXT), max_size=4),
    response_headers=st.none()
    | st.dictionaries(
        TEXT | st.sampled_from(["set-cookie", "location"]),
        st.lists(TEXT | st.just("a=b; Path=/; Expires=Wed, 09 Jun 2027 10:18:14 GMT")),
        max_size=4,
    ),
    **{
        name: st.none() | st.integers(0, 2**40)
        for name in Record.__struct_fields__
        if name.endswith("_bytes")
    },
)
"""Exchanges that have a place in HAR, with any texts and spans."""
