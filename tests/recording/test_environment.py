"""The environment of programs that use the proxy."""

from __future__ import annotations

import pytest

from forebay.recording.environment import ABSENT, applied, java_options, variables

SAID = variables("http://127.0.0.1:1234", "/ca.pem", "/bundle.pem")


@pytest.mark.parametrize("scheme", ["http", "https", "all"])
def test_the_proxy_is_named_in_both_cases(scheme):
    """Programs look for one or the other."""
    assert SAID[f"{scheme}_proxy"] == SAID[f"{scheme.upper()}_PROXY"] == "http://127.0.0.1:1234"


def test_no_host_is_excepted():
    """Empty rather than absent: what is absent may be set elsewhere."""
    assert SAID["NO_PROXY"] == SAID["no_proxy"] == ""


def test_node_adds_and_others_replace():
    """So Node gets the certificate, and all others the roots of everybody, too."""
    named = {name: value for name, value in SAID.items() if value.endswith(".pem")}

    assert named.pop("NODE_EXTRA_CA_CERTS") == "/ca.pem"
    assert set(named.values()) == {"/bundle.pem"}
    assert {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"} <= named.keys()


def test_what_would_have_others_be_trusted_goes():
    base = {"PATH": "/bin", "NO_PROXY": "localhost", **dict.fromkeys(ABSENT, "/etc")}

    found = applied(base, SAID)

    assert found == {"PATH": "/bin", **SAID}
    assert base["NO_PROXY"] == "localhost"


def test_java_gets_the_proxy_and_a_store():
    """And no exception: loopback is one unless it is told otherwise."""
    found = java_options("http://127.0.0.1:1234", "/s.p12", "pw").split()

    assert "-Dhttps.proxyHost=127.0.0.1" in found and "-Dhttp.proxyPort=1234" in found
    assert "-Djavax.net.ssl.trustStore=/s.p12" in found
    assert "-Dhttp.nonProxyHosts=" in found


def test_what_java_is_told_already_stays():
    once = java_options("http://h:1", "/s.p12", "pw", "-Xmx1g")

    assert once.startswith("-Xmx1g -D")
    assert java_options("http://h:1", "/s.p12", "pw", once) == once


@pytest.mark.parametrize(
    ("path", "word"),
    [("/a b/s", '"/a b/s"'), ("/it's", '"/it\'s"'), ('/"a" b', "'/\"a\" b'"), ("/a", "/a")],
)
def test_paths_with_blanks_are_quoted_for_a_jvm(path, word):
    assert f"trustStore={word} " in java_options("", path, "pw")
