"""What a cassette may say."""

from __future__ import annotations

import pytest

from forebay.errors import RuleError
from forebay.recording.cassettefile import RequestSection, ResponseSection, absolute_url


def test_names_of_fields_in_any_case_and_values_alone_or_in_lists():
    section = ResponseSection.model_validate(
        {"status": "200", "headers": {"Vary": ["a", "b"], "X-A": "c"}}
    )

    assert section.pairs() == (("vary", "a"), ("vary", "b"), ("x-a", "c"))


def test_bodies():
    section = RequestSection.model_validate(
        {"method": "POST", "url": "http://h/", "body": '{\n "a": 1}', "sent_as": "json compact"}
    )

    assert section.content({}) == b'{"a":1}'


@pytest.mark.parametrize("text", ["", "/a", "http:", "http://[", "h/a"])
def test_what_is_no_absolute_url(text):
    with pytest.raises(RuleError, match="expected an absolute URL, found"):
        absolute_url(text)
