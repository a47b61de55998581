"""Conditions of declarativeNetRequest."""

from __future__ import annotations

import pytest

from forebay.errors import RuleError
from forebay.rewrite.dnrcondition import ALL_TYPES, DEST, condition_of

ALL = sorted(ALL_TYPES)
ANY_BUT_PAGES = {"request_header": {DEST: ["regex:^(?!(?:document)$)"]}}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"match": ANY_BUT_PAGES}),
        ({"resourceTypes": ALL}, {}),
        ({"resourceTypes": [*ALL, "webtransport"]}, {}),
        ({"resourceTypes": ["main_frame"]}, {"match": {"request_header": {DEST: ["document"]}}}),
        ({"resourceTypes": ["xmlhttprequest", "ping", "other"]}, {"match": {"request_header": {DEST: ["empty"]}}}),
        ({"excludedResourceTypes": ["image", "ping"]}, {"match": {"request_header": {DEST: ["regex:^(?!(?:image|empty)$)"]}}}),
        ({"excludedResourceTypes": ["webbundle"]}, {}),
        ({"resourceTypes": ALL, "requestDomains": ["a.example", "192.0.2.1", "b\u00fc.example"]}, {"match": {"host": [".a.example", "192.0.2.1", ".xn--b-eha.example"]}}),
        ({"resourceTypes": ALL, "requestDomains": ["b.a.example"], "urlFilter": "||a.example^"},
         {"match": {"url": "regex:(?i)^[a-z][a-z0-9+.-]*://(?:[^/?#]*[.])?a\\.example(?:[^0-9A-Za-z_.%-]|$)", "host": [".b.a.example"]}}),
        ({"resourceTypes": ALL, "excludedRequestDomains": ["a.example"]}, {"unless": {"host": [".a.example"]}}),
        ({"resourceTypes": ALL, "requestMethods": ["get", "put"]}, {"match": {"method": ["GET", "PUT"]}}),
        ({"resourceTypes": ALL, "excludedRequestMethods": ["get"], "excludedRequestDomains": ["a"]}, {"unless": [{"host": [".a"]}, {"method": ["GET"]}]}),
        ({"resourceTypes": ALL, "urlFilter": "||a.example^"}, {"match": {"host": ".a.example"}}),
        ({"resourceTypes": ALL, "regexFilter": "^https://a", "isUrlFilterCaseSensitive": True},
         {"match": {"url": "regex:^https://a"}, "unless": {"request_header": {"Upgrade": ["regex:(?i)websocket"]}}}),
        ({"resourceTypes": ["image"], "urlFilter": "|https://a"}, {"match": {"url": "regex:(?i)^https://a", "request_header": {DEST: ["image"]}}}),
        ({"resourceTypes": ALL, "domainType": "firstParty"}, {"match": {"request_header": {"Sec-Fetch-Site": ["same-origin", "same-site"]}}}),
    ],
)  # fmt: skip
def test_what_can_be_said(given, expected):
    assert condition_of(given).section() == expected


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"initiatorDomains": ["a"]}, "initiatorDomains: a proxy does not know who asked"),
        ({"tabIds": [1]}, "tabIds: a proxy does not know the tab"),
        ({"responseHeaders": []}, "responseHeaders: a proxy does not know the response"),
        ({"colour": 1}, "colour: unknown here"),
        ({"domainType": "thirdParty"}, "Sec-Fetch-Site says cross-site of more"),
        ({"domainType": 3}, "domainType: expected firstParty or thirdParty, found 3"),
        ({"resourceTypes": ["xmlhttprequest"]}, "nothing tells xmlhttprequest from other and ping here"),
        ({"resourceTypes": ["webbundle"]}, "webbundle never comes to a proxy"),
        ({"resourceTypes": []}, "expected at least 1 in the list"),
        ({"resourceTypes": ["page"]}, "resourceTypes: expected .*, found 'page'"),
        ({"resourceTypes": "image"}, "resourceTypes: expected a list of texts, found 'image'"),
        ({"resourceTypes": ["image"], "excludedResourceTypes": ["font"]}, "found both"),
        ({"urlFilter": "a", "regexFilter": "b"}, "either urlFilter or regexFilter, found both"),
        ({"urlFilter": 1}, "urlFilter: expected text, found 1"),
        ({"regexFilter": 1}, "regexFilter: expected text, found 1"),
        ({"isUrlFilterCaseSensitive": "no"}, "expected true or false, found 'no'"),
        ({"requestMethods": ["other"]}, "requestMethods: other"),
        ({"excludedRequestMethods": ["other"]}, "excludedRequestMethods: other"),
        ({"requestMethods": ["GET"]}, "found 'GET'"),
    ],
)  # fmt: skip
def test_what_cannot(given, said):
    with pytest.raises(RuleError, match=said):
        condition_of(given)
