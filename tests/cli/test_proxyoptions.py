"""Options of the proxy, as flags and as its ``config.yaml`` has them."""

from __future__ import annotations

import argparse
import ast
import re
from pathlib import Path

import pytest

from forebay.cli import proxyoptions
from forebay.errors import ForebayError
from forebay.proxycore import bypassing

PACKAGE = Path(proxyoptions.__file__).parents[1]


@pytest.fixture(name="filled")
def _filled(tmp_path):
    def filled(*arguments: str, config: str | None = None, name: str = "config.yaml"):
        if config is not None:
            (tmp_path / name).write_text(config, encoding="utf-8")
        parser = argparse.ArgumentParser()
        proxyoptions.add_arguments(parser)
        given = parser.parse_args([*arguments, "--confdir", str(tmp_path)])
        proxyoptions.fill(given)
        return given

    return filled


class Recorder:
    def __init__(self, declared) -> None:
        self.declared = declared

    def add_option(self, name, _type, default, _help) -> None:
        self.declared[name] = default


def test_defaults_are_those_of_the_proxy():
    """Of each option that is declared."""
    ours, declared = proxyoptions._DEFAULTS, {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_option":
                name, _, default = node.args[:3]
                if isinstance(name, ast.Constant) and name.value in ours:
                    declared[name.value] = ast.literal_eval(default)

    bypassing.declare(Recorder(declared))
    assert declared == ours


def test_flags_count_more_than_the_file(filled):
    config = "cache_set_cookie: strip\nblocklist: false\nrewrite_groups: [dev]\ncache_dir: /c\n"

    said = filled(config=config)
    assert (said.cache_set_cookie, said.blocklist) == ("strip", False)
    assert (said.rewrite_groups, said.cache_dir) == (["dev"], "/c")

    flags = ("--cache-set-cookie", "store", "--blocklist", "true", "--rewrite-group=-dev")
    told = filled(*flags, config=config)
    assert (told.cache_set_cookie, told.blocklist) == ("store", True)
    assert (told.rewrite_groups, told.cache_dir) == (["-dev"], "/c")


def test_short_words_are_the_same(filled):
    short = filled("--home", "/h", "--rules", "/r", "--list", "l", "--set-cookie", "strip")
    flags = ("--forebay-home", "/h", "--forebay-rules", "/r", "--blocklist-files", "l")
    assert vars(short) == vars(filled(*flags, "--cache-set-cookie", "strip"))
    assert (short.home, short.rules, short.blocklist_files) == ("/h", "/r", ["l"])


@pytest.mark.parametrize("name", ["config.yaml", "config.yml"])
def test_both_files_of_mitmproxy_count(filled, name):
    assert filled(config="forebay_home: /h\nlisten_port: 1", name=name).home == "/h"


def test_files_without_options_say_nothing(filled):
    assert filled(config="# nothing\n").home == "~/.forebay"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("blocklist: maybe", "blocklist: expected true or false, found 'maybe'"),
        ("rewrite_groups: dev", "rewrite_groups: expected a list, found 'dev'"),
        ("cache_set_cookie: x", "cache_set_cookie: expected refuse or strip or store, found 'x'"),
        ("cache_dir: [a]", "cache_dir: expected text, found ['a']"),
        ("cache_size_bytes: lots", "cache_size_bytes: expected a size in bytes such as"),
        ("[a]", "expected options, found something else"),
        ("a: [", "config.yaml:1"),
    ],
)
def test_mistakes_are_one_line(filled, config, message):
    with pytest.raises(ForebayError, match=re.escape(message)) as error:
        filled(config=config)

    assert "\n" not in str(error.value)


def test_a_file_of_other_bytes_is_said(filled, tmp_path):
    (tmp_path / "config.yaml").write_bytes(b"\xff")

    with pytest.raises(ForebayError, match="cannot read"):
        filled()


@pytest.mark.parametrize(
    ("arguments", "limit_bytes"),
    [
        ([], 2**27),
        (["--cache-max-object-bytes", "1m"], 2**20),
        (["--cache-size-bytes", "0"], 2**20),
        (["--cache-size-bytes", "0", "--cache-ram-bytes", "1m"], 2**18),
    ],
)
def test_three_sizes_limit_an_object(filled, arguments, limit_bytes):
    assert proxyoptions.largest_object_bytes(filled(*arguments)) == limit_bytes
