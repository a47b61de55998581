"""A file of certificates to trust: the roots that everybody trusts, and mitmproxy's own."""

from __future__ import annotations

from pathlib import Path

import certifi

from forebay import wholefile

NAME = "ca-bundle.pem"


def write(ca: Path, folder: Path) -> Path:
    """Write the bundle with the certificate *ca* into *folder*, and return its path.

    Most variables that name certificates replace what a client trusts, so the
    others must be in the file, too.

    Raises:
        OSError: when one cannot be read, or the other written.
    """
    path = folder / NAME
    text = Path(certifi.where()).read_text(encoding="ascii").rstrip() + "\n\n"
    wholefile.write(path, (text + ca.read_text(encoding="ascii")).encode("ascii"))
    return path
