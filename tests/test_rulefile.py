"""Files to text, and to models."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay import rulefile, schema
from forebay.errors import ForebayError, RuleError, RuleErrors


class Top(schema.Section):
    items: list[str] = []


class TestLoad:
    def test_a_byte_order_mark_is_no_text(self, tmp_path):
        file = tmp_path / "a.yaml"
        file.write_bytes(b"\xef\xbb\xbfitems: []\n")

        assert rulefile.load(file, Top).model == Top()

    def test_its_errors_name_the_file(self, tmp_path):
        file = tmp_path / "a.yaml"
        file.write_text("\nitms: []\n", encoding="utf-8")

        with pytest.raises(RuleErrors) as caught:
            rulefile.load(file, Top)

        assert str(caught.value) == f"{file}:2:1: unknown key 'itms': did you mean 'items'?"


class TestRead:
    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"a: b\nc: \xff", ":2: expected UTF-8 text, found the byte 0xff"),
            ("a: b".encode("utf-16"), ":1: expected UTF-8 text, found the byte 0xff"),
            (b"#" * 1_000_001, ": expected at most 1,000,000 bytes, found more"),
        ],
    )
    def test_what_is_no_text_is_refused(self, tmp_path, data, message):
        file = tmp_path / "a.yaml"
        file.write_bytes(data)

        with pytest.raises(RuleError) as caught:
            rulefile.read(file)

        assert str(caught.value) == f"{file}{message}"

    def test_what_cannot_be_read_is_one_line(self, tmp_path):
        for path, reason in [
            (tmp_path / "none.yaml", "No such file or directory"),
            (tmp_path, "Is a directory"),
        ]:
            with pytest.raises(ForebayError) as caught:
                rulefile.read(path)

            assert str(caught.value) == f"cannot read {path}: {reason}"

    def test_a_name_that_no_file_can_have(self):
        with pytest.raises(ForebayError, match=r"^cannot read 'a\\x00b': "):
            rulefile.read(Path("a\0b"))


@settings(deadline=None, max_examples=100)
@given(st.binary())
def test_any_bytes_are_text_or_one_error(tmp_path_factory, data):
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_bytes(data)
    try:
        found = rulefile.read(file)
    except ForebayError as error:
        found = str(error)
        assert found.startswith(f"{file}:")
        assert "\n" not in found
    assert isinstance(found, str)


def test_a_pipe_or_device_is_said_and_not_waited_for(tmp_path):
    """Reading one may never end."""
    pipe = tmp_path / "rewrite.yaml"
    os.mkfifo(pipe)

    with pytest.raises(
        ForebayError, match=r"cannot read .*rewrite.yaml: expected a file, found a d"
    ):
        rulefile.read(pipe)
