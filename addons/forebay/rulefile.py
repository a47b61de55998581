"""Read a YAML file that a person wrote.

Importing this imports pydantic (see `forebay.schema`): import it late.
"""

from __future__ import annotations

from pathlib import Path

from forebay import schema
from forebay.errors import ForebayError, RuleError
from forebay.regularfile import open_regular

# ruamel.yaml takes 5 to 15 s for each megabyte, and a hand-written rule has
# about 100 bytes.
LIMIT_BYTES = 1_000_000


def load[M: schema.Section](path: Path, model: type[M]) -> schema.Document[M]:
    """Read and validate *path*.

    Raises:
        ForebayError: when it cannot be read.
        RuleErrors: with all that is wrong in it.
    """
    return schema.parse(read(path), path, model)


def read(path: Path) -> str:
    """Return the text of *path*.

    Raises:
        ForebayError: when it is no readable file of UTF-8 text, or too large.
    """
    try:
        with open_regular(path) as file:
            data = file.read(LIMIT_BYTES + 1)
    except OSError as error:
        raise ForebayError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:  # a NUL or a lone surrogate in the name
        raise ForebayError(f"cannot read {str(path)!r}: {error}") from None
    if len(data) > LIMIT_BYTES:
        raise RuleError(f"expected at most {LIMIT_BYTES:,} bytes, found more", path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = data[error.start]
        raise RuleError(f"expected UTF-8 text, found the byte 0x{found:02x}", path, line) from None
