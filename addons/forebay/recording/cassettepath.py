"""Where the cassette of a test is: a file beside the tests, whatever they are called.

Pure; the standard library only, as the tests' own process uses it.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePath

from forebay.errors import ForebayError

_UNSAFE = re.compile(r"[^\w.\-=+@\[\]]")
_LONGEST_BYTES = 120


def file_safe(name: str) -> str:
    """Return *name* as every file system takes it; names that differ stay different.

    >>> file_safe("test_pay[eur]"), file_safe("test_get[a/b]")
    ('test_pay[eur]', 'test_get[a_b]-56ceed7d')
    """
    safe = _UNSAFE.sub("_", name)
    if safe.strip(".") != "" and safe == name and len(safe.encode()) <= _LONGEST_BYTES:
        return safe
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    cut = safe.encode()[:_LONGEST_BYTES].decode("utf-8", "ignore")
    return f"{cut}-{digest}"


def of_test(folder: PurePath, name: str) -> PurePath:
    """Return the cassette of the test *name*, such as ``TestPay.test_once[eur]``."""
    return folder / f"{file_safe(name)}.yaml"


def named(folder: PurePath, name: str) -> PurePath:
    """Return the cassette that a test asks for, such as ``shared/login``.

    Raises:
        ForebayError: when it would be elsewhere than in *folder*.

    >>> named(PurePath("recordings"), "shared/login.yaml").as_posix()
    'recordings/shared/login.yaml'
    """
    parts = name.removesuffix(".yaml").split("/")
    if not all(part.strip(".") for part in parts):
        raise ForebayError(
            f"recording: expected the name of a cassette in {folder}, found {name!r:.70}"
        )
    *above, last = (file_safe(part) for part in parts)
    return folder.joinpath(*above, f"{last}.yaml")
