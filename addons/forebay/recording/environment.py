"""The environment in which programs use the proxy, and trust it.

Pure; the standard library only, as the tests' own process uses it.

Most variables that name certificates replace what a client trusts: they get the
bundle, which has everybody's roots, too.  Node adds what it is given.  Java
wants a trust store, which the standard library cannot make: make one of the
certificate with ``keytool``.
"""

from __future__ import annotations

from collections.abc import Mapping

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_EXCEPTIONS = ("NO_PROXY", "no_proxy")
_BUNDLES = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "AWS_CA_BUNDLE",
    "PIP_CERT",
    "CARGO_HTTP_CAINFO",
    "DENO_CERT",
    "HTTPLIB2_CA_CERTS",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
)
ABSENT = ("SSL_CERT_DIR", "GIT_SSL_CAPATH", "GIT_SSL_NO_VERIFY")
"""Variables that would make others be trusted, or nobody be looked at."""


def variables(url: str, ca_file: str, ca_bundle: str) -> dict[str, str]:
    """Return what must be set.

    Args:
        url: of the proxy.
        ca_file: the proxy's certificate.
        ca_bundle: the same with the roots that everybody trusts.

    >>> found = variables("http://127.0.0.1:8080", "/ca.pem", "/bundle.pem")
    >>> found["https_proxy"], found["NO_PROXY"], found["NODE_EXTRA_CA_CERTS"]
    ('http://127.0.0.1:8080', '', '/ca.pem')
    """
    return {
        **{name: url for each in _PROXIES for name in (each, each.lower())},
        **dict.fromkeys(_EXCEPTIONS, ""),  # set, so that none of a file above holds
        **dict.fromkeys(_BUNDLES, ca_bundle),
        "NODE_EXTRA_CA_CERTS": ca_file,
        "NODE_USE_ENV_PROXY": "1",  # Node from 22.21 and 24 on; before, it heeds no variable
    }


def applied(base: Mapping[str, str], said: Mapping[str, str]) -> dict[str, str]:
    """Return the environment *base* with *said* set, and what must not be there gone.

    >>> applied({"PATH": "/bin", "SSL_CERT_DIR": "/etc"}, {"NO_PROXY": ""})
    {'PATH': '/bin', 'NO_PROXY': ''}
    """
    return {name: value for name, value in base.items() if name not in ABSENT} | dict(said)
