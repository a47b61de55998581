"""Who looks at flows in this process, besides our own addons.

Bodies and messages are kept for an audience only; plain mitmdump forgets them.
"""

from __future__ import annotations

import enum

from mitmproxy import ctx


class Audience(enum.IntEnum):
    """What others want of a message's content; the larger includes the smaller."""

    NOBODY = 0
    VIEWER = 1
    """Somebody looks at it afterwards: mitmweb, the console, ``-w``, HAR."""
    EDITOR = 2
    """Somebody may change it before it is sent: ``modify_body``, another script."""


def present() -> Audience:
    """Return the most demanding audience there is."""
    options = ctx.options
    # Any other script may read or change content in its response hook.
    if len(options.scripts) > 1 or options.modify_body:
        return Audience.EDITOR
    if (
        options.save_stream_file
        or options.hardump
        or options.client_replay
        or ctx.master.addons.get("view") is not None
    ):
        return Audience.VIEWER
    return Audience.NOBODY
