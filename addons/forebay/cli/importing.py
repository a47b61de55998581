"""``forebay rules import``: rules of other tools, as far as they can be carried over."""

from __future__ import annotations

import argparse
import io
import re
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter

from forebay import rulefile
from forebay.blocklist.verdict import visible
from forebay.errors import ForebayError, RuleErrors
from forebay.paths import expanded
from forebay.proxycore import filters
from forebay.regularfile import open_regular
from forebay.rewrite import load
from forebay.rewrite.importer import Imported, imported

OPTIONS = ("modify_headers", "modify_body", "map_remote", "map_local")
MOST_BYTES = 10_000_000
"""A file of another tool may be so long."""
_LINE_BREAKS = re.compile(r"[\x85\u2028\u2029]")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the others."""
    take = commands.add_parser(
        "import",
        help="make rules of mitmproxy's options, of Chrome's declarativeNetRequest and of Charles",
        description="Print rules for mitmproxy's own options of rewriting, for rules of Chrome's "
        "declarativeNetRequest, or for what Charles has exported; what cannot be "
        "carried over is listed, with its place and the reason.",
        epilog="Exit status: 0 all carried over, 1 some were not, 2 bad input.",
    )
    for name in OPTIONS:
        take.add_argument(f"--{name.replace('_', '-')}", action="append", default=[],
                          metavar="TEXT", help="one of its values")  # fmt: skip
    take.add_argument("--config", metavar="FILE", help="a config.yaml of mitmproxy")
    take.add_argument("--dnr", action="append", default=[], metavar="FILE",
                      help="a ruleset of declarativeNetRequest (JSON)")  # fmt: skip
    take.add_argument("--charles", action="append", default=[], metavar="FILE",
                      help="what Rewrite, Map Local, Map Remote or Block List has exported "
                      "(XML)")  # fmt: skip
    take.set_defaults(run=_import)


def _import(given: argparse.Namespace) -> int:
    options = [(name, text) for name in OPTIONS for text in getattr(given, name)]
    if given.config:
        options += _configured(expanded("--config", given.config))
    if not (options or given.dnr or given.charles):
        raise ForebayError(
            "expected values of options, or --config, --dnr or --charles FILE, found none"
        )
    found = imported(options, beside=str(Path.cwd()), is_folder=_is_folder, check=_check)
    found.notes += [""] * len(found.rules)
    for name in given.dnr:
        from forebay.rewrite.dnr import imported_dnr

        path = expanded("--dnr", name)
        _add(found, imported_dnr(_text("--dnr", path), path.name, check=_check))
    for name in given.charles:
        from forebay.rewrite.charles import imported_charles

        path = expanded("--charles", name)
        _add(found, imported_charles(
            _bytes("--charles", path), path.name, is_folder=_is_folder, check=_check
        ))  # fmt: skip
    text = as_yaml(found)
    if len(text.encode()) > rulefile.LIMIT_BYTES:
        raise ForebayError(
            f"expected rules of at most {rulefile.LIMIT_BYTES:,} bytes, as a file may have, found "
            f"{len(text.encode()):,}: import them in parts"
        )
    print(text, end="")
    for line in found.left:
        print(f"forebay rules: not carried over: {visible(line, 500)}", file=sys.stderr)
    return 1 if found.left else 0


def _add(found: Imported, more: Imported) -> None:
    """Add *more* to *found*, each rule with an id that is its own."""
    taken = {rule["id"] for rule in found.rules if "id" in rule}
    for rule in more.rules:
        name, count = rule.get("id"), 1
        while name in taken:
            count += 1
            name = f"{rule['id']}-{count}"
        if name is not None:
            rule["id"] = name
            taken.add(name)
    found.rules += more.rules
    found.notes += more.notes
    found.left += more.left


def _bytes(option: str, path: Path) -> bytes:
    try:
        with open_regular(path) as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ForebayError(f"{option}: cannot read {path}: {error.strerror}") from None
    except ValueError as error:  # a NUL or a lone surrogate in the name
        raise ForebayError(f"{option}: cannot read {str(path)!r}: {error}") from None
    if len(data) > MOST_BYTES:
        raise ForebayError(f"{option}: expected at most {MOST_BYTES:,} bytes, found more in {path}")
    return data


def _text(option: str, path: Path) -> str:
    data = _bytes(option, path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ForebayError(
            f"{option}: {path}:{line}: expected UTF-8 text, found the byte "
            f"0x{data[error.start]:02x}"
        ) from None


def _is_folder(path: str) -> bool:
    return expanded("map_local", path).is_dir()


def _check(section: dict[str, Any]) -> None:
    """Read a rule as if it were the only one of a file.

    Raises:
        ForebayError: with the first thing that is wrong in it.
    """
    from forebay.rewrite import parse

    try:
        text = as_yaml(Imported([section]))
        parse.parse(text, Path(load.FILE), parse.Surroundings({}, filters.compiled))
    except RuleErrors as error:
        raise error.errors[0] from None
    answer = section.get("request", {}).get("answer", {})
    if "file" in answer and not expanded("map_local", answer["file"]).is_file():
        raise ForebayError(f"expected a file or a folder, found none at {answer['file']}")


def _configured(path: Path) -> list[tuple[str, str]]:
    from forebay import yamltree

    value = yamltree.parse(rulefile.read(path), path).value or {}
    if not isinstance(value, dict):
        raise ForebayError(f"{path}: expected a mapping of options")
    found = []
    for name in OPTIONS:
        given = value.get(name) or []
        found += [(name, str(text)) for text in ([given] if isinstance(given, str) else given)]
    return found


class _Representer(RoundTripRepresenter):
    """Writes text so that it is read as it was: YAML 1.1's line breaks would become spaces."""

    def represent_str(self, text: str) -> ScalarNode:
        style = '"' if _LINE_BREAKS.search(text) else None
        node: ScalarNode = self.represent_scalar("tag:yaml.org,2002:str", text, style=style)
        return node


_Representer.add_representer(str, _Representer.represent_str)


def as_yaml(found: Imported) -> str:
    """Return the rules as the text of a rewrite file, each below what is noted of it."""
    yaml = YAML()
    yaml.Representer = _Representer
    yaml.default_flow_style = False
    yaml.width = sys.maxsize  # no value is folded: ruamel.yaml breaks some where it folds them
    yaml.representer.ignore_aliases = lambda _: True
    rules = CommentedSeq(found.rules)
    for i, note in enumerate(found.notes):
        if note:
            rules.yaml_set_comment_before_after_key(i, before=_comment(note))
    text = io.StringIO()
    yaml.dump(CommentedMap({"rules": rules}), text)
    return text.getvalue()


def _comment(note: str) -> str:
    """Return *note* as one line that nobody can break out of."""
    return _LINE_BREAKS.sub(" ", visible(note, 300))
