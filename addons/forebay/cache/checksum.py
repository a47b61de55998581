"""Proof that a disk gave back the bytes that it was given.

Poly1305 (RFC 8439 §2.5) as a checksum: ten times as fast as BLAKE2b or SHA-256,
and a change that knows nothing of the key goes unnoticed once in 2^90 times or
so.  The key is no secret, as there is nobody to keep it from: whoever can write
the cache's files can write checksums, too.
"""

from __future__ import annotations

from hashlib import blake2b

from cryptography.hazmat.primitives.poly1305 import Poly1305

CHECKSUM_BYTES = 16
_KEY = blake2b(b"forebay cache checksum", digest_size=32).digest()

type Buffer = bytes | bytearray | memoryview


class Checksum:
    """The checksum of bytes that come in any portions."""

    __slots__ = ("_mac",)

    def __init__(self) -> None:
        self._mac = Poly1305(_KEY)

    def update(self, data: Buffer) -> None:
        """Take the next portion."""
        self._mac.update(data)

    def digest(self) -> bytes:
        """Return the checksum of all, once."""
        return self._mac.finalize()


def checksum(*parts: Buffer) -> bytes:
    """Return the checksum of *parts*, one after the other.

    >>> checksum(b"ab", b"c") == checksum(b"abc") != checksum(b"abd")
    True
    """
    whole = Checksum()
    for part in parts:
        whole.update(part)
    return whole.digest()
