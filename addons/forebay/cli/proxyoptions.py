"""The proxy's options that change what ``forebay check`` says, as flags or by ``config.yaml``.

What is set on the proxy's command line, or at run time, only a flag can repeat.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from mitmproxy.utils import human

from forebay.cache.largebody import largest_bytes
from forebay.cache.storable import SetCookie
from forebay.cache.targeted import Targeted
from forebay.errors import ForebayError
from forebay.paths import expanded
from forebay.regularfile import open_regular

_DEFAULTS: dict[str, Any] = {
    "forebay_home": "~/.forebay",
    "forebay_rules": "",
    "forebay_bypass": "cache,rewrite",
    "blocklist": True,
    "blocklist_files": [],
    "rewrite": True,
    "rewrite_files": [],
    "rewrite_groups": [],
    "rewrite_env": [],
    "cache": True,
    "cache_dir": "",
    "cache_size_bytes": "1g",
    "cache_ram_bytes": "64m",
    "cache_max_object_bytes": "512m",
    "cache_set_cookie": SetCookie.REFUSE.value,
    "cache_targeted_fields": Targeted.AUTO.value,
}
_CHOICES = {
    "cache_set_cookie": [each.value for each in SetCookie],
    "cache_targeted_fields": [each.value for each in Targeted],
}
# Shorter words, which other commands have too.
_ALIASES = {
    "forebay_home": "--home",
    "forebay_rules": "--rules",
    "blocklist_files": "--list",
    "rewrite_groups": "--rewrite-group",
    "cache_set_cookie": "--set-cookie",
}
_DESTINATIONS = {"forebay_home": "home", "forebay_rules": "rules"}
_FILES = ("config.yaml", "config.yml")
_LIMIT_BYTES = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add a flag for each of the options, and ``--confdir``."""
    group = parser.add_argument_group("options of the proxy, by their names there")
    for name, default in _DEFAULTS.items():
        flags = [f"--{name.replace('_', '-')}"]
        if name in _ALIASES:
            flags.insert(0, _ALIASES[name])
        more: dict[str, Any] = {"dest": _DESTINATIONS.get(name, name), "default": None}
        if isinstance(default, bool):
            more |= {"choices": ("true", "false")}
        elif isinstance(default, list):
            more |= {"action": "append", "metavar": "VALUE", "help": "may be repeated"}
        elif name in _CHOICES:
            more |= {"choices": _CHOICES[name]}
        else:
            more |= {"metavar": "VALUE", "help": f"(default: {default or 'none'})"}
        group.add_argument(*flags, **more)
    group.add_argument("--confdir", default="~/.mitmproxy", metavar="DIR",
                       help="mitmproxy's folder, whose config.yaml says what flags do not "
                       "(default: ~/.mitmproxy)")  # fmt: skip


def fill(given: argparse.Namespace) -> None:
    """Give the options that no flag has set the value of ``config.yaml``, or their default.

    Raises:
        ForebayError: when that file cannot be read, or a value is none of its option.
    """
    said: dict[str, Any] = {}
    for name in _FILES:
        said |= _said(expanded("--confdir", given.confdir) / name)
    for name, default in _DEFAULTS.items():
        destination = _DESTINATIONS.get(name, name)
        found = getattr(given, destination)
        if found is None:
            found = said.get(name, default)
        elif isinstance(default, bool):
            found = found == "true"
        setattr(given, destination, found)
    for name in ("cache_size_bytes", "cache_ram_bytes", "cache_max_object_bytes"):
        setattr(given, name, _size_bytes(name, getattr(given, name)))


def largest_object_bytes(given: argparse.Namespace) -> int:
    """Return the longest body that is stored, as the three sizes have it."""
    return largest_bytes(
        given.cache_max_object_bytes,
        disk_bytes=given.cache_size_bytes,
        ram_bytes=given.cache_ram_bytes,
    )


def _size_bytes(name: str, text: str) -> int:
    try:
        size = human.parse_size(text)
    except ValueError:
        size = None
    if size is None or size < 0:
        raise ForebayError(
            f"{name}: expected a size in bytes such as 64k, 8m or 1g, found {text!r:.70}"
        )
    return size


def _said(path: Path) -> dict[str, Any]:
    """Return what a file of mitmproxy's says of our options; one that is absent says nothing."""
    try:
        with open_regular(path) as file:
            data = file.read(_LIMIT_BYTES)
        text = data.decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise ForebayError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:  # no UTF-8, or no name of a file
        raise ForebayError(f"cannot read {str(path)!r}: {error}") from None
    # Imported late: few have such a file.
    from forebay import yamltree

    tree = yamltree.parse(text, path)
    if tree.value is not None and not isinstance(tree.value, dict):
        raise ForebayError(f"{path}: expected options, found something else")
    return {
        name: _value(path, name, value)
        for name, value in (tree.value or {}).items()
        if name in _DEFAULTS
    }


def _value(path: Path, name: str, value: Any) -> Any:
    default = _DEFAULTS[name]
    if isinstance(default, bool):
        if value in ("true", "false"):
            return value == "true"
        expected = "true or false"
    elif isinstance(default, list):
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return value
        expected = "a list"
    else:
        choices = _CHOICES.get(name)
        if isinstance(value, str) and (choices is None or value in choices):
            return value
        expected = "text" if choices is None else " or ".join(choices)
    raise ForebayError(f"{path}: {name}: expected {expected}, found {value!r:.70}")
