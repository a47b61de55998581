"""Which variable makes which client trust another certificate.

Pure; the standard library only, as the tests' own process uses it, too.
"""

from __future__ import annotations

_BY_AGENT = (
    ("python-requests", "REQUESTS_CA_BUNDLE"),
    ("pip/", "PIP_CERT"),
    ("curl", "CURL_CA_BUNDLE"),
    ("git/", "GIT_SSL_CAINFO"),
    ("node", "NODE_EXTRA_CA_CERTS"),
    ("undici", "NODE_EXTRA_CA_CERTS"),
    ("axios", "NODE_EXTRA_CA_CERTS"),
    ("npm/", "NODE_EXTRA_CA_CERTS"),
    ("aws", "AWS_CA_BUNDLE"),
    ("boto", "AWS_CA_BUNDLE"),
    ("deno", "DENO_CERT"),
    ("cargo", "CARGO_HTTP_CAINFO"),
    ("java", "JAVA_TOOL_OPTIONS"),
    ("okhttp", "JAVA_TOOL_OPTIONS"),
    ("python", "SSL_CERT_FILE"),
    ("go-http", "SSL_CERT_FILE"),
    ("ruby", "SSL_CERT_FILE"),
)


def variable_for(user_agent: str) -> str:
    """Return the variable that names certificates for the client *user_agent*.

    >>> variable_for("curl/8.5.0"), variable_for("Python-urllib/3.13"), variable_for("")
    ('CURL_CA_BUNDLE', 'SSL_CERT_FILE', 'SSL_CERT_FILE')
    """
    low = user_agent.lower()
    return next((variable for name, variable in _BY_AGENT if name in low), "SSL_CERT_FILE")
