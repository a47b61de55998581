"""The cache's options."""

from __future__ import annotations

from pathlib import Path

import pytest
from mitmproxy.test import taddons

from forebay.cache import config
from forebay.cache.config import Config
from forebay.cache.entry import FORMAT
from forebay.cache.storable import SetCookie
from forebay.errors import ForebayError


class Declares:
    name = "declares"

    def load(self, loader):
        config.declare(loader)


@pytest.fixture
def read(tmp_path):
    with taddons.context(Declares()) as context:
        context.options.update(forebay_home=str(tmp_path / "home"))

        def with_options(**options):
            context.options.update(**options)
            return config.read()

        yield with_options


def test_the_defaults(read, tmp_path):
    assert read() == Config(tmp_path / "home" / "cache", 2**30, 64 * 2**20, 2**27, SetCookie.REFUSE)


def test_the_options_are_read(read, tmp_path):
    found = read(
        cache_dir=str(tmp_path / "c"),
        cache_size_bytes="8m",
        cache_ram_bytes="1m",
        cache_max_object_bytes="8m",
        cache_set_cookie="strip",
    )

    assert found == Config(tmp_path / "c", 8 * 2**20, 2**20, 2**20, SetCookie.STRIP)
    assert (tmp_path / "c").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({"cache_size_bytes": "8g"}, 2**29, id="the default"),
        pytest.param({"cache_size_bytes": "0"}, 2**20, id="nothing large without a disk"),
        pytest.param({"cache_size_bytes": "0", "cache_ram_bytes": "1m"}, 2**18, id="little memory"),
        pytest.param({"cache_size_bytes": "1m"}, 2**20, id="a small disk"),
    ],
)
def test_the_largest_object_fits_its_place(read, options, expected):
    assert read(**options).max_object_bytes == expected


def test_it_can_be_off_or_in_memory_only(read, tmp_path):
    assert read(cache_size_bytes="0").folder is None
    assert read(cache=False) is None
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("cache_set_cookie", "keep"),
        ("cache_size_bytes", "x"),
        ("cache_ram_bytes", "-1"),
        ("cache_max_object_bytes", "1z"),
    ],
)
def test_a_bad_value_is_one_line_that_names_the_option(read, option, value):
    with pytest.raises(ForebayError, match=rf"^{option}: expected [^\n]*{value}'$"):
        read(**{option: value})


def test_a_cache_of_a_newer_forebay_is_refused(read, tmp_path):
    (tmp_path / "format").write_text(f"{FORMAT + 1}\n")

    with pytest.raises(ForebayError, match=f"found format {FORMAT + 1}"):
        read(cache_dir=str(tmp_path))


def test_a_folder_that_cannot_be_used_costs_the_disk_only(read, tmp_path, caplog):
    (tmp_path / "file").write_bytes(b"x")

    assert read(cache_dir=str(tmp_path / "file" / "c")).folder is None

    assert caplog.text.count("caching in memory") == 1


def test_a_format_number_that_cannot_be_read_costs_the_disk_only(read, tmp_path, caplog):
    (tmp_path / "format").mkdir()

    assert read(cache_dir=str(tmp_path)).folder is None

    assert "expected a readable folder" in caplog.text


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, "cache off"),
        (Config(None, 0, 2**26, 1, SetCookie.STORE), "cache in RAM, 64 MB"),
        (
            Config(Path("/x/c"), 2**30, 2**26, 1, SetCookie.STORE),
            "cache 1.0 GB in /x/c (RAM 64 MB)",
        ),
        (
            Config(Path.home() / ".forebay" / "cache", 3 * 2**29, 900, 1, SetCookie.STORE),
            "cache 1.5 GB in ~/.forebay/cache (RAM 900 B)",
        ),
    ],
)
def test_the_start_line(given, expected):
    assert config.summary(given) == expected
