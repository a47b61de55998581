"""Whether a connection may pass unread by the names that it gives.

Pure.  Of what passes nothing but the ClientHello can be judged, so that one
must say plainly what is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from forebay.names import is_address

_PLAIN = re.compile(r"[a-z0-9._-]+").fullmatch


def may_pass(names: Sequence[str], target: str, *, ech: bool) -> bool:
    """Return whether one name is asked for, and no other can be hidden behind it.

    * Names that differ: the server answers for the one or for the other.
    * An address alone: any host of that server may be meant.
    * A name with characters that names do not have: servers may read another.
    * An encrypted ClientHello (RFC 9849) beside an address: the same.  Beside
      the target's own name it is one made up, as browsers send it always; a
      real one bears another name outside.

    Args:
        names: in the ClientHello, canonical.
        target: to be connected to, canonical.
        ech: whether the ClientHello has an encrypted one.

    >>> may_pass(["a.example"], "a.example", ech=True), may_pass([], "192.0.2.1", ech=False)
    (True, False)
    """
    if is_address(target):
        return len(names) == 1 and bool(_PLAIN(names[0])) and not is_address(names[0]) and not ech
    if not _PLAIN(target) or (ech and not names):
        return False
    return all(name == target for name in names)
