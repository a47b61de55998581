"""What a Content-Type field says: the media type and the charset (RFC 9110 §8.3).

Pure.
"""

from __future__ import annotations

import codecs
import re

_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([\w.:-]{1,40})", re.IGNORECASE | re.ASCII)
EVENTS = "text/event-stream"
"""A stream of events (HTML §9.2), which may have no end."""
# Python's own; some take time that is the square of the text's length.
_NO_CHARSETS = frozenset(
    {"charmap", "idna", "palmos", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"}
)


def media_type(content_type: str) -> str:
    """Return the type without its parameters, in lower case.

    >>> media_type("Text/HTML; charset=utf-8")
    'text/html'
    """
    return content_type.partition(";")[0].strip().lower()


def is_json(kind: str) -> bool:
    """Return whether *kind*, a media type, is JSON (RFC 6839 §3.1)."""
    return kind.endswith(("/json", "+json"))


def charset_name(content_type: str) -> str | None:
    """Return the charset as it is named, or None when none is.

    >>> charset_name('text/plain; Charset="latin-1"')
    'latin-1'
    """
    found = _CHARSET.search(content_type)
    return None if found is None else found[1]


def codec_of(charset: str | None) -> str:
    """Return the name of Python's codec; UTF-8 where no charset is named that is known.

    >>> codec_of("latin-1"), codec_of("bz2"), codec_of(None)
    ('iso8859-1', 'utf-8', 'utf-8')
    """
    try:
        found = codecs.lookup(charset or "utf-8")
    except LookupError:
        return "utf-8"
    # Python's codecs have more than charsets: bz2, rot13, ...
    is_charset = getattr(found, "_is_text_encoding", False) and found.name not in _NO_CHARSETS
    return found.name if is_charset else "utf-8"
