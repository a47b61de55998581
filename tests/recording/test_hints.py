"""Which variable helps which client."""

from __future__ import annotations

import pytest

from forebay.recording.hints import variable_for


@pytest.mark.parametrize(
    ("agent", "variable"),
    [
        ("python-requests/2.32.0", "REQUESTS_CA_BUNDLE"),
        ("curl/8.5.0", "CURL_CA_BUNDLE"),
        ("git/2.39.5", "GIT_SSL_CAINFO"),
        ("node", "NODE_EXTRA_CA_CERTS"),
        ("python-httpx/0.28.1", "SSL_CERT_FILE"),
        ("Python/3.13 aiohttp/3.11", "SSL_CERT_FILE"),
        ("Go-http-client/1.1", "SSL_CERT_FILE"),
        ("Java/17", "JAVA_TOOL_OPTIONS"),
        ("anything", "SSL_CERT_FILE"),
    ],
)
def test_by_user_agent(agent, variable):
    assert variable_for(agent) == variable
