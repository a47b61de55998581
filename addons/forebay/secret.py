"""Names of parameters and header fields that hold secrets.

Pure.  OpenTelemetry's list for signed URLs, and what tokens and passwords are
commonly called.  Two names are on it although they often are harmless:
``code``, because within its lifetime an OAuth authorization code is a login,
and ``key``, because that is where Google's services want their API key.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote

# Compared in lower case and without punctuation: access_token, accessToken
# and Access-Token are one name.
_NAMES = frozenset(
    {"assertion", "auth", "bearer", "clientassertion", "code", "codeverifier", "cookie"}
    | {"devicecode", "hmac", "idtokenhint", "jwt", "key", "otp", "pass", "phpsessid", "pin"}
    | {"appkey", "cvv", "licensekey", "mfa", "securitycode", "tok", "verificationcode"}
    | {"sslclientcert", "xauth", "xclientcert", "xjwtassertion", "xsession", "xsid"}
    | {"pwd", "samlrequest", "samlresponse", "session", "sid", "sig", "ticket", "totp"}
)
_ENDINGS = (
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "authcode",
    "authkey",
    "subscriptionkey",
    "signature",
    "apikey",
    "accesskey",
    "accesskeyid",
    "secretkey",
    "privatekey",
    "credential",
    "credentials",
    "authorization",
    "sessionid",
    "sessionkey",
)
# They end like a secret, and only say where a listing goes on.
_HARMLESS = frozenset(
    {"continuationtoken", "nextpagetoken", "nexttoken", "pagetoken", "prevpagetoken", "synctoken"}
)
FIELDS = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "cookie",
        "cookie2",
        "set-cookie",
        "set-cookie2",
        "x-api-key",
        "x-auth-token",
        "x-forwarded-client-cert",
        "authentication-info",
        "proxy-authentication-info",
    }
)
"""Header fields whose whole value is a secret; so is that of those that `is_secret`."""

_NO_NAME = re.compile(r"[^a-z0-9]")
_LEVELS = re.compile(r"[\[\].]")


def is_secret_field(name: str) -> bool:
    """Return whether the header field *name*, in lower case, holds a secret.

    >>> is_secret_field("set-cookie"), is_secret_field("x-session-token"), is_secret_field("age")
    (True, True, False)
    """
    return name in FIELDS or is_secret(name)


def is_secret(name: str) -> bool:
    """Return whether a parameter or field called *name* holds a secret.

    >>> [is_secret(n) for n in ("X-Amz-Signature", "user[passw%6Frd]", "apiKey", "pageToken")]
    [True, True, True, False]
    """
    return _is_short_secret(name) if len(name) <= 64 else _is_secret(name)


def _is_secret(name: str) -> bool:
    return any(map(is_secret_bare, bare_names(name)))


def is_secret_bare(bare: str) -> bool:
    """Return whether one of `bare_names` is that of a secret."""
    return bare in _NAMES or (bare.endswith(_ENDINGS) and bare not in _HARMLESS)


def is_strong_bare(bare: str) -> bool:
    """Return whether one of `bare_names` is that of a secret and of nothing else.

    >>> [is_strong_bare(name) for name in ("accesstoken", "password", "code", "key")]
    [True, True, False, False]
    """
    return bare.endswith(_ENDINGS) and bare not in _HARMLESS


def bare_names(name: str) -> list[str]:
    """Return *name*, and each of its levels, in lower case without punctuation.

    >>> bare_names("User[Pass%5fWord]")
    ['userpassword', 'user', 'password', '']
    """
    plain = decoded(name).lower()
    names = [plain]
    if "[" in plain or "." in plain:
        names += _LEVELS.split(plain)
    return [_NO_NAME.sub("", each) for each in names]


_is_short_secret = lru_cache(maxsize=4096)(_is_secret)


def decoded(text: str) -> str:
    """Undo percent-encoding, also where something between encoded it again."""
    for _ in range(3):
        if "%" not in text:
            break
        text = unquote(text)
    return text
