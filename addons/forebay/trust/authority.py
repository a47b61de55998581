"""The authority (CA) that signs the proxy's certificates: mitmproxy's files in its ``confdir``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from forebay import cabundle, truststore, wholefile
from forebay.errors import ForebayError
from forebay.regularfile import open_regular
from forebay.trust import certificate

_KEY, _CERTIFICATE = "mitmproxy-ca.pem", "mitmproxy-ca-cert.pem"
_KEY_BITS = 2048  # mitmproxy's default


@dataclass(frozen=True, slots=True)
class Authority:
    """One that can be trusted.

    Attributes:
        path: the file of its certificate.
        der: the certificate.
        made: whether it was made right now.
    """

    path: Path
    der: bytes
    made: bool = False


def certificate_path(confdir: Path) -> Path:
    """Return where the certificate lies, or will lie."""
    return confdir / _CERTIFICATE


def find(confdir: Path, now_s: float, *, make: bool = True) -> Authority | None:
    """Return the authority in *confdir*, made as mitmproxy makes it when there is none.

    Args:
        confdir: mitmproxy's option of that name.
        now_s: POSIX time in seconds.
        make: else None is returned when there is none.

    Raises:
        ForebayError: when it cannot be read or made, or clients could not use it.
    """
    path, key = certificate_path(confdir), confdir / _KEY
    made = False
    try:
        with_key = _read(key, secret=True)
        if with_key is None:
            if not make:
                return None
            _make(confdir)
            made, with_key = True, key.read_bytes()
        data = _read(path)
    except OSError as error:
        raise ForebayError(
            f"{confdir}: expected a folder in which mitmproxy's CA can be read or made, found: "
            f"{error.strerror}"
        ) from None
    signing = certificate.every(with_key)
    if data is None and signing:  # whoever brings an authority of his own need not bring it
        data = certificate.pem(signing[0])
        if make:
            _write(path, data)
    try:
        der = certificate.authority(data or b"", now_s)
    except ForebayError as error:
        raise ForebayError(f"{path}: {error}") from None
    if signing and der != signing[0]:
        raise ForebayError(
            f"{path}: expected the certificate that {key.name} beside it holds, which mitmproxy "
            "signs with, found another one"
        )
    return Authority(path, der, made)


def bundle(authority: Path, home: Path) -> Path:
    """Write the file with everybody's roots and *authority* into *home*; return its path.

    Raises:
        ForebayError: when it cannot be written.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cabundle.write(authority, home)
    except OSError as error:
        raise ForebayError(
            f"{home / cabundle.NAME}: expected to write it, found: {error.strerror}"
        ) from None
    except ValueError:
        raise ForebayError(
            f"{authority}: expected a certificate in PEM, found other bytes"
        ) from None


def java_store(authority: Path, home: Path) -> Path:
    """Write a trust store for Java with *authority* into *home*, which is there; return its path.

    Raises:
        ForebayError: when it cannot be written.
    """
    try:
        return truststore.write(authority, home)
    except OSError as error:
        raise ForebayError(
            f"{home / truststore.NAME}: expected to write it, found: {error.strerror}"
        ) from None


def renew_bundle(confdir: Path, home: Path) -> Path | None:
    """Write the bundle again if there is one with another authority; return it if so.

    Raises:
        ForebayError: when it cannot be written.
    """
    path = certificate_path(confdir)
    try:
        ours, bundled = _read(path), _read(home / cabundle.NAME)
    except OSError:
        return None
    if ours is None or bundled is None or ours in bundled:
        return None
    return bundle(path, home)


def _read(path: Path, *, secret: bool = False) -> bytes | None:
    """Return what a file holds, None if there is none; nothing of one that is another's secret.

    Raises:
        OSError: when it cannot be read.
    """
    try:
        with open_regular(path) as file:
            return file.read()
    except FileNotFoundError:
        return None
    except PermissionError:
        if secret and certificate_path(path.parent).is_file():
            return b""
        raise


def _make(confdir: Path) -> None:
    from mitmproxy import certs

    certs.CertStore.create_store(confdir, "mitmproxy", _KEY_BITS)


def _write(path: Path, data: bytes) -> None:
    try:
        wholefile.write(path, data)
    except OSError as error:
        raise ForebayError(f"{path}: expected to write it, found: {error.strerror}") from None
