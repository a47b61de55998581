"""A trust store for Java: the roots that everybody trusts, and mitmproxy's own certificate.

The standard library only until one is written, as the tests' own process asks
whether Java is there.  The form is that of ``keytool``: PKCS #12 (RFC 7292)
whose certificates have the attribute trustedKeyUsage, which Java reads from
8u301 and 11.0.12 on.
"""

from __future__ import annotations

import contextlib
import shutil
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from forebay import wholefile

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

NAME = "ca-store.p12"
PASSWORD = "changeit"  # noqa: S105  (Java's own default; certificates are no secret)
_ROUNDS = 1000
_END = "-----END CERTIFICATE-----\n"


def is_wanted(environ: Mapping[str, str]) -> bool:
    """Return whether Java is here: its ``keytool`` on the path, or JAVA_HOME is set."""
    return bool(environ.get("JAVA_HOME") or shutil.which("keytool", path=environ.get("PATH", "")))


def write(ca: Path, folder: Path) -> Path:
    """Write the store with the certificate *ca* into *folder*, and return its path.

    A store that is named replaces what Java trusts, so the others must be in it, too.

    Raises:
        OSError: when one cannot be read, or the other written.
        ValueError: when *ca* is no certificate.
    """
    import certifi
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12
    from cryptography.x509 import load_pem_x509_certificates

    roots = Path(certifi.where()).read_text(encoding="ascii")
    found = [*_readable(roots), *load_pem_x509_certificates(ca.read_bytes())]
    protection = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(_ROUNDS)
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(hashes.SHA256())
        .build(PASSWORD.encode())
    )
    entries = [
        pkcs12.PKCS12Certificate(each, f"forebay-{number}".encode())
        for number, each in enumerate(found)
    ]
    path = folder / NAME
    wholefile.write(path, pkcs12.serialize_java_truststore(entries, protection))
    return path


def _readable(text: str) -> Iterable[Certificate]:
    """Yield the certificates of *text*, but for those that the library refuses."""
    from cryptography.utils import CryptographyDeprecationWarning
    from cryptography.x509 import load_pem_x509_certificate

    for each in text.split(_END)[:-1]:
        # Some roots have serial numbers that RFC 5280 §4.1.2.2 forbids: the library
        # warns of them now, and will refuse them.
        with contextlib.suppress(ValueError), warnings.catch_warnings():
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            yield load_pem_x509_certificate((each + _END).encode("ascii"))
