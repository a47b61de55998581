"""What this cache knows of status codes (RFC 9110 §15)."""

from __future__ import annotations

HEURISTIC = frozenset({200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501})
"""Cacheable without explicit freshness (RFC 9110 §15.1)."""

UNDERSTOOD = HEURISTIC | {201, 202, 205, 302, 303, 307, 400, 401, 402, 403, 406, 407, 408, 409}
UNDERSTOOD |= {411, 412, 413, 415, 416, 417, 421, 422, 426, 500, 502, 503, 504, 505}
"""Those whose requirements this cache fulfils, for ``must-understand`` (RFC 9111 §5.2.2.3)."""

SERVER_ERRORS = frozenset({500, 502, 503, 504})
"""The errors that stale-if-error speaks of (RFC 5861 §4)."""


def is_final(status: int) -> bool:
    """Return whether *status* ends an exchange, and is one that RFC 9110 §15 leaves room for."""
    return 200 <= status <= 599
