"""Certificates for the tests."""

from __future__ import annotations

import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from forebay.proxycore.tunnels import hello_for

NOW_S = 1_800_000_000.0
DAY_S = 86_400.0


def made(*, ca: bool | None = True, from_s: float = -DAY_S, to_s: float = DAY_S) -> bytes:
    """Return a certificate in PEM; the times are from NOW_S on."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mitmproxy")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(dt.datetime.fromtimestamp(NOW_S + from_s, dt.UTC))
        .not_valid_after(dt.datetime.fromtimestamp(NOW_S + to_s, dt.UTC))
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), True)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def client_hello(*names: bytes, ech: bool = False) -> bytes:
    """Return a ClientHello with server names, none or several, in one TLS record.

    Args:
        names: the server names.
        ech: whether an encrypted one is beside them (RFC 9849), of which nothing is read.
    """
    extensions = b"\xfe\x0d\x00\x01\x00" if ech else b"\xff\x01\x00\x01\x00"
    if names:
        entries = b"".join(b"\x00" + len(name).to_bytes(2) + name for name in names)
        listed = len(entries).to_bytes(2) + entries
        extensions += b"\x00\x00" + len(listed).to_bytes(2) + listed
    fixed = hello_for(b"")[9 : 9 + 2 + 32 + 1 + 4 + 2]  # up to the extensions
    body = fixed + len(extensions).to_bytes(2) + extensions
    message = b"\x01" + len(body).to_bytes(3) + body
    return b"\x16\x03\x01" + len(message).to_bytes(2) + message
