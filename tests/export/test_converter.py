"""What a format has to offer."""

from __future__ import annotations

from collections import Counter

import pytest

from export.records import exchange
from forebay.export.combined import Combined
from forebay.export.converter import Converter, in_words
from forebay.export.csvrows import CsvRows
from forebay.export.har import Har


@pytest.mark.parametrize(
    "made", [Har("1"), CsvRows(), Combined()], ids=lambda made: type(made).__name__
)
def test_every_format_has_all_of_it(made: Converter):
    parts = [made.head(), made.convert(exchange()), made.tail()]

    assert all(isinstance(part, bytes) for part in parts)
    assert parts[1]
    assert made.left_out == Counter()


def test_counts_of_nothing_are_no_words():
    assert in_words(Counter()) == ""
