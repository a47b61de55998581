"""The commands by which people have a system trust a certificate, where we do not do it.

Pure.
"""

from __future__ import annotations

import shlex

from forebay.trust.certificate import thumbprint

NAME = "forebay-mitmproxy-ca"
"""Of our certificate in the stores of a system; what bears it is ours, and nothing else."""


def to_install(system: str, path: str) -> list[str]:
    """Return the commands that have *system* trust the certificate at *path*.

    Args:
        system: ``debian``, ``fedora``, ``arch``, ``darwin`` or ``win32``.
        path: of the certificate.

    >>> to_install("fedora", "/a b/ca.pem")[0]
    "sudo install -m 644 -- '/a b/ca.pem' /etc/pki/ca-trust/source/anchors/forebay-mitmproxy-ca.crt"
    """
    cert = shlex.quote(path)
    match system:
        case "debian":
            target = f"/usr/local/share/ca-certificates/{NAME}.crt"
            # Afresh, as the link of an older certificate of that name would stay.
            return [
                f"sudo install -m 644 -- {cert} {target} && sudo update-ca-certificates --fresh"
            ]
        case "fedora":
            target = f"/etc/pki/ca-trust/source/anchors/{NAME}.crt"
            return [f"sudo install -m 644 -- {cert} {target}", "sudo update-ca-trust"]
        case "arch":
            return [f"sudo trust anchor --store {cert}"]
        case "darwin":
            keychain = "/Library/Keychains/System.keychain"
            return [f"sudo security add-trusted-cert -d -r trustRoot -k {keychain} {cert}"]
        case "win32":
            return [f'certutil -addstore -user Root "{path}"']
    return []


def to_uninstall(system: str, path: str, der: bytes | None) -> list[str]:
    """Return the commands that undo `to_install`; *der* is the certificate, where it is known.

    >>> to_uninstall("fedora", "/ca.pem", None)[1]
    'sudo update-ca-trust'
    """
    cert = shlex.quote(path)
    match system:
        case "debian":
            target = f"/usr/local/share/ca-certificates/{NAME}.crt"
            return [f"sudo rm -f -- {target} && sudo update-ca-certificates --fresh"]
        case "fedora":
            target = f"/etc/pki/ca-trust/source/anchors/{NAME}.crt"
            return [f"sudo rm -f -- {target}", "sudo update-ca-trust"]
        case "arch" if der is not None:
            return [f"sudo trust anchor --remove {cert}"]
        case "darwin" if der is not None:
            keychain = "/Library/Keychains/System.keychain"
            return [f"sudo security delete-certificate -t -Z {thumbprint(der)} {keychain}"]
        case "win32" if der is not None:
            return [f"certutil -delstore -user Root {thumbprint(der)}"]
    return []


def for_java(path: str, *, remove: bool) -> str:
    """Return the command for the store of Java, which heeds none of a system's."""
    if remove:
        return f"keytool -delete -cacerts -storepass changeit -alias {NAME}"
    return (
        f"keytool -importcert -noprompt -cacerts -storepass changeit -alias {NAME} "
        f"-file {shlex.quote(path)}"
    )
