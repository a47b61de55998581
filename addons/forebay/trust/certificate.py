"""Certificates in PEM (RFC 7468), and whether one can be that of the proxy's authority.

Pure; what checks them is imported late, as it takes long.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import re

from forebay.errors import ForebayError

_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----")


def every(data: bytes) -> list[bytes]:
    r"""Return all certificates of PEM text in DER, in its order; broken ones are left out.

    >>> every(b"-----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----")
    [b'\x00\x01\x02']
    """
    found = []
    for block in _BLOCK.finditer(data):
        try:
            found.append(base64.b64decode(b"".join(block[1].split()), validate=True))
        except ValueError:
            continue
    return found


def pem(der: bytes) -> bytes:
    r"""Return a certificate as PEM text.

    >>> pem(b"\x00\x01\x02")
    b'-----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----\n'
    """
    text = base64.b64encode(der)
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return b"\n".join([b"-----BEGIN CERTIFICATE-----", *lines, b"-----END CERTIFICATE-----", b""])


def thumbprint(der: bytes) -> str:
    """Return the SHA-1 by which the tools of Windows and macOS name a certificate."""
    return hashlib.sha1(der, usedforsecurity=False).hexdigest().upper()


def authority(data: bytes, now_s: float) -> bytes:
    """Return the first certificate of PEM text in DER, if others can be signed with it.

    Raises:
        ForebayError: when there is none, it is no authority's, or not valid at *now_s*.
    """
    from cryptography import x509

    ders = every(data)
    if not ders:
        raise ForebayError("expected a certificate in PEM, found none")
    try:
        found = x509.load_der_x509_certificate(ders[0])
        starts, ends = found.not_valid_before_utc, found.not_valid_after_utc
    except ValueError:
        raise ForebayError("expected a certificate in PEM, found a broken one") from None
    try:
        is_ca = found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        is_ca = False
    if not is_ca:
        raise ForebayError(
            "expected the certificate of an authority (CA), found one that may sign no other"
        )
    now = dt.datetime.fromtimestamp(now_s, dt.UTC)
    if now > ends:
        raise ForebayError(
            f"expected a certificate that is valid, found one that expired on {ends:%Y-%m-%d}"
        )
    if now < starts:
        raise ForebayError(
            f"expected a certificate that is valid, found one that is so from {starts:%Y-%m-%d} on"
        )
    return ders[0]
