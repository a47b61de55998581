"""Write an account of a flow as YAML that people read.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# Old line ends, which YAML libraries do not agree on, and halves of characters.
_ODD = re.compile("[\x85\u2028\u2029\ufeff\ud800-\udfff]")
_WIDTH = 1 << 16  # a URL is copied whole


class _Pieces(list[str]):
    """What the YAML library takes for a text file."""

    encoding = None

    def write(self, text: str) -> None:
        self.append(text)

    def flush(self) -> None:
        """Nothing is held back."""


def explain(account: Mapping[str, Any]) -> str:
    """Return *account*, of plain types, as YAML without what is unknown or empty.

    >>> print(explain({"cache": {"result": "hit", "age_s": 31, "ttl_s": None}}), end="")
    cache:
      result: hit
      age_s: 31
    """
    # Imported late: no start waits for it.
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.width = _WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    pieces = _Pieces()
    yaml.dump(pruned(account), pieces)
    return "".join(pieces)


def pruned(value: Any) -> Any:
    """Return *value* without members that are null or empty; numbers and False stay.

    >>> pruned({"a": None, "b": [], "c": {"d": ""}, "e": 0, "f": [{"g": None}, False]})
    {'e': 0, 'f': [False]}
    """
    match value:
        case Mapping():
            found = {_plain(str(key)): pruned(item) for key, item in value.items()}
            return {key: item for key, item in found.items() if not _says_nothing(item)}
        case list() | tuple():
            return [item for item in map(pruned, value) if not _says_nothing(item)]
        case str():
            return _plain(value)
        case _:
            return value


def _plain(text: str) -> str:
    return _ODD.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _says_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, str | dict | list) and not value)
