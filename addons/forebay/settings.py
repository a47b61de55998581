"""Options that all addons share, and the one way in which a bad one is reported.

Glue: the only module outside the addons' own that reads mitmproxy's options.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from mitmproxy import ctx, exceptions
from mitmproxy.addonmanager import Loader
from mitmproxy.utils import human

from forebay import shipped
from forebay.errors import ForebayError
from forebay.paths import expanded

logger = logging.getLogger(__name__)


_reported: set[str] = set()
"""Lines logged since the addons were loaded: several of them may find the same mistake."""


def declare(loader: Loader) -> None:
    """Declare the shared options; every addon may, as the same declaration twice is none."""
    _reported.clear()
    loader.add_option(
        "forebay_home",
        str,
        "~/.forebay",
        "Folder for the cache, the log and the user's own rules; made with mode 0700.",
    )
    loader.add_option(
        "forebay_rules",
        str,
        "",
        "Folder with the rules that ship; read before the user's own, never written. "
        "Empty: the folder that came with Forebay.",
    )


def path(option: str, text: str) -> Path:
    """Return *text* as a path, ``~`` being the home folder.

    Raises:
        ForebayError: when it begins with an unknown user's home.
    """
    return expanded(option, text)


def home() -> Path:
    """Return ``forebay_home``, made if missing and writable.

    Raises:
        ForebayError: when it cannot be made, entered or written.
    """
    return writable_folder("forebay_home", path("forebay_home", ctx.options.forebay_home))


def writable_folder(option: str, folder: Path) -> Path:
    """Return *folder*, made with mode 0700 if missing, or say why it cannot serve.

    Raises:
        ForebayError: naming *option*, what was expected and what was found.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ForebayError(
            f"{option}: expected a writable folder, found {folder}: {error.strerror}"
        ) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ForebayError(
            f"{option}: expected a writable folder, found {folder}: Permission denied"
        )
    return folder


def shipped_rules() -> Path:
    """Return the folder of the rules that ship.

    Raises:
        ForebayError: when ``forebay_rules`` names no folder.
    """
    if ctx.options.forebay_rules:
        folder = path("forebay_rules", ctx.options.forebay_rules)
        if not folder.is_dir():
            raise ForebayError(f"forebay_rules: expected a folder, found nothing at {folder}")
        return folder
    return shipped.rules_folder()


def user_rules() -> Path:
    """Return the folder of the user's own rules; it need not exist."""
    return path("forebay_home", ctx.options.forebay_home) / "rules"


def size_bytes(option: str) -> int:
    """Return the value of the text option *option*, such as ``8m``, in bytes.

    Raises:
        ForebayError: when it is not a size.
    """
    text = getattr(ctx.options, option)
    try:
        size = human.parse_size(text)
    except ValueError:
        size = None
    if size is None or size < 0:
        raise ForebayError(
            f"{option}: expected a size in bytes such as 64k, 8m or 1g, found {text!r}"
        )
    return size


def one_of(option: str, choices: tuple[str, ...]) -> str:
    """Return the value of the text option *option*, which must be one of *choices*.

    mitmproxy's own ``choices`` are not used: they answer a wrong value at start
    with a traceback.

    Raises:
        ForebayError: when it is none of them.
    """
    found = getattr(ctx.options, option)
    if found not in choices:
        raise ForebayError(f"{option}: expected {' or '.join(choices)}, found {found!r}")
    return str(found)


def reject(error: ForebayError, *, running: bool) -> None:
    """Report *error* from ``configure``.

    At run time an OptionsError makes mitmproxy roll the option back and show
    the line.  At start it would show a traceback, so the line is logged at
    level ERROR instead, on which mitmproxy leaves with exit status 1; the
    caller must fail closed until then, since the port may be open by now.
    """
    if running:
        raise exceptions.OptionsError(str(error)) from None
    for line in str(error).splitlines():
        if line not in _reported:
            _reported.add(line)
            logger.error(line)
