"""A file of certificates to trust: the roots that everybody trusts, and mitmproxy's own."""

from __future__ import annotations

import os
from pathlib import Path

import certifi

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
    draft = path.with_name(f".{NAME}.{os.getpid()}")
    draft.write_text(text + ca.read_text(encoding="ascii"), encoding="ascii")
    draft.replace(path)
    return path
