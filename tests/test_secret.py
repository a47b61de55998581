"""Names that hold secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.secret import decoded, is_secret


@pytest.mark.parametrize(
    "name",
    [
        "sig", "Signature", "X-Goog-Signature", "AWSAccessKeyId", "X-Amz-Signature",
        "X-Amz-Credential", "X-Amz-Security-Token", "access_token", "id_token", "refresh_token",
        "token", "api_key", "apikey", "apiKey", "key", "password", "passwd", "secret",
        "client_secret", "code", "TOKEN", "access%5Ftoken", "%74oken", "%2574oken", "user[password]",
        "login.password", "token[]", "X-Api-Key", "x-auth-token", "jsessionid", "csrf-token",
    ],
)  # fmt: skip
def test_holds_a_secret(name):
    """In whatever spelling."""
    assert is_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "q",
        "page",
        "id",
        "pageToken",
        "next_page_token",
        "keyword",
        "monkey",
        "encode",
        "secretary",
        "",
    ],
)
def test_holds_none(name):
    """Though it may look alike."""
    assert not is_secret(name)


@given(st.text(st.characters(exclude_categories=()), max_size=200))
def test_any_name_has_an_answer(name):
    """And a long one the same as if it were remembered."""
    assert is_secret(name) in (True, False)
    assert is_secret("x" * 70 + "_token")


def test_encoding_is_undone_three_times_at_most():
    assert decoded("%252541") == "A"
    assert decoded("%25252541") == "%41"


@pytest.mark.parametrize(
    "name",
    [
        "auth_code", "verification_code", "security_code", "passcode", "auth_key", "authkey",
        "subscription-key", "Ocp-Apim-Subscription-Key", "app_key", "license_key", "mfa", "cvv", "tok",
        "X-JWT-Assertion", "X-Auth", "X-Session", "X-Sid", "X-Client-Cert", "SSL-Client-Cert",
    ],
)  # fmt: skip
def test_common_names_of_secrets(name):
    assert is_secret(name)
