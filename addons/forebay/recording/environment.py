"""The environment in which programs use the proxy, and trust it.

Pure; the standard library only, as the tests' own process uses it.

Most variables that name certificates replace what a client trusts: they get the
bundle, which has everybody's roots, too.  Node adds what it is given.  Java
heeds none of them: it gets options, with a trust store of its own kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

JAVA = "JAVA_TOOL_OPTIONS"
"""The variable by which every JVM gets options."""
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


def java_options(url: str, store: str, password: str, before: str = "") -> str:
    """Return what `JAVA` must say.

    Args:
        url: of the proxy; empty where Java finds it otherwise.
        store: the trust store.
        password: of that.
        before: what it says already, which stays.

    >>> java_options("", "/a b/s.p12", "x", "-Xmx1g").split(" -D")[:2]
    ['-Xmx1g', 'javax.net.ssl.trustStore="/a b/s.p12"']
    """
    said = {"javax.net.ssl.trustStore": store, "javax.net.ssl.trustStoreType": "PKCS12"}
    said["javax.net.ssl.trustStorePassword"] = password
    if url:
        proxy = urlsplit(url)
        for scheme, port in (("http", 80), ("https", 443)):
            said[f"{scheme}.proxyHost"] = proxy.hostname or ""
            said[f"{scheme}.proxyPort"] = str(proxy.port or port)
        said["http.nonProxyHosts"] = ""  # which is loopback unless it is said
    text = " ".join(f"-D{name}={_quoted(value)}" for name, value in said.items())
    return before if text in before else f"{before} {text}".strip()


def _quoted(value: str) -> str:
    """Return *value* as one word to a JVM, which knows quotes, but no escapes."""
    if not any(c.isspace() or c in "\"'" for c in value):
        return value
    return f"'{value}'" if '"' in value else f'"{value}"'


def applied(base: Mapping[str, str], said: Mapping[str, str]) -> dict[str, str]:
    """Return the environment *base* with *said* set, and what must not be there gone.

    >>> applied({"PATH": "/bin", "SSL_CERT_DIR": "/etc"}, {"NO_PROXY": ""})
    {'PATH': '/bin', 'NO_PROXY': ''}
    """
    return {name: value for name, value in base.items() if name not in ABSENT} | dict(said)
