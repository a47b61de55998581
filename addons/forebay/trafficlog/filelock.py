"""Whose a file is: a lock that ends with the process that holds it (``flock``)."""

from __future__ import annotations

import enum
import os
import stat


class Lock(enum.Enum):
    """What came of the wish to lock a file."""

    OURS = "ours"
    TAKEN = "taken"
    """Another holds it, in this process or elsewhere."""
    NONE = "none"
    """Nobody can tell: on Windows, on some network file systems, and where it
    is no regular file (a pipe, a terminal)."""


def lock(fd: int) -> Lock:
    """Lock the open file, without waiting; closing it lets go."""
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        return Lock.NONE
    try:
        import fcntl
    except ImportError:
        return Lock.NONE
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return Lock.TAKEN
    except OSError:
        return Lock.NONE
    return Lock.OURS
