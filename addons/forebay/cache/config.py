"""The cache's options."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader

from forebay import settings
from forebay.cache.folder import refuse_newer
from forebay.cache.largebody import largest_bytes
from forebay.cache.storable import SetCookie
from forebay.cache.targeted import Targeted
from forebay.errors import ForebayError
from forebay.paths import shown

logger = logging.getLogger(__name__)

STORE_OPTIONS = frozenset(
    {"cache", "cache_dir", "cache_size_bytes", "cache_ram_bytes", "forebay_home"}
)
"""A change of one of these needs another store."""
ALL_OPTIONS = STORE_OPTIONS | {
    "cache_max_object_bytes",
    "cache_set_cookie",
    "cache_targeted_fields",
}


@dataclass(frozen=True, slots=True)
class Config:
    """The options as they are meant.

    Args:
        folder: None to keep everything in memory.
    """

    folder: Path | None
    size_bytes: int
    ram_bytes: int
    max_object_bytes: int
    set_cookie: SetCookie
    targeted: Targeted = Targeted.AUTO


def declare(loader: Loader) -> None:
    """Declare the options."""
    settings.declare(loader)
    loader.add_option(
        "cache", bool, True, "Answer from stored responses as RFC 9111 allows a shared cache."
    )
    loader.add_option("cache_dir", str, "", "Folder of the cache; empty: cache in forebay_home.")
    loader.add_option(
        "cache_size_bytes", str, "1g", "Largest size of the cache on disk; 0: in memory only."
    )
    loader.add_option(
        "cache_ram_bytes", str, "64m", "Memory for the responses that were used last."
    )
    loader.add_option(
        "cache_max_object_bytes",
        str,
        "512m",
        "Largest body that is stored; larger ones pass through, as do those above an eighth "
        "of the cache.  What is longer than 1 MB is kept on disk only.",
    )
    loader.add_option(
        "cache_set_cookie",
        str,
        "refuse",
        "What becomes of a response with Set-Cookie that is neither public nor has s-maxage: "
        "refuse (not stored), strip (stored without that field) or store.",
    )
    loader.add_option(
        "cache_targeted_fields",
        str,
        "auto",
        "Whether CDN-Cache-Control takes the place of Cache-Control (RFC 9213): on, off, "
        "or auto (in reverse mode only, where it is meant for us).",
    )


def read() -> Config | None:
    """Return the options, or None when the cache is off; its folder is made if missing.

    A folder that cannot be used costs the disk, not the cache.

    Raises:
        ForebayError: when an option has a bad value, ``forebay_home`` cannot be
            used, or a newer Forebay wrote the folder.
    """
    set_cookie = SetCookie(
        settings.one_of("cache_set_cookie", tuple(choice.value for choice in SetCookie))
    )
    targeted = Targeted(
        settings.one_of("cache_targeted_fields", tuple(choice.value for choice in Targeted))
    )
    size_bytes = settings.size_bytes("cache_size_bytes")
    ram_bytes = settings.size_bytes("cache_ram_bytes")
    max_object_bytes = settings.size_bytes("cache_max_object_bytes")
    if not ctx.options.cache:
        return None
    folder = _folder() if size_bytes else None
    return Config(
        folder=folder,
        size_bytes=size_bytes,
        ram_bytes=ram_bytes,
        max_object_bytes=largest_bytes(
            max_object_bytes, disk_bytes=size_bytes if folder else 0, ram_bytes=ram_bytes
        ),
        set_cookie=set_cookie,
        targeted=targeted,
    )


def _folder() -> Path | None:
    if ctx.options.cache_dir:
        option, folder = "cache_dir", settings.path("cache_dir", ctx.options.cache_dir)
    else:
        option, folder = "forebay_home", settings.home() / "cache"
    try:
        settings.writable_folder(option, folder)
    except ForebayError as error:
        logger.warning("%s; caching in memory", error)
        return None
    try:
        refuse_newer(folder)
    except OSError as error:
        logger.warning(
            "cache_dir: expected a readable folder, found %s: %s; caching in memory",
            folder,
            error.strerror,
        )
        return None
    return folder


def summary(config: Config | None) -> str:
    """Return the cache's part of the start line."""
    if config is None:
        return "cache off"
    if config.folder is None:
        return f"cache in RAM, {_size(config.ram_bytes)}"
    place = shown(config.folder)
    return f"cache {_size(config.size_bytes)} in {place} (RAM {_size(config.ram_bytes)})"


def _size(size_bytes: int) -> str:
    if size_bytes >= 2**30:
        return f"{size_bytes / 2**30:.1f} GB"
    if size_bytes >= 2**20:
        return f"{size_bytes // 2**20} MB"
    return f"{size_bytes} B"
