"""``forebay init``: commented examples of the user's own rules, where there are none yet."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from forebay.cli.places import add_home

BLOCKLIST = """\
! What you block or allow yourself; no exception of a list undoes a block of yours.
! One rule a line; edits take effect at once.
!
! ||ads.example^               the host and all its subdomains
! tracker.example              the same
! 0.0.0.0 pixel.example        exactly this host, as in a hosts file
! /banner/*$image,third-party  a pattern, for images of other sites
! @@||cdn.ads.example^         an exception: never blocked
"""

LISTS = """\
# Lists that are downloaded (forebay lists update), and files of your own.
# The names that ship are shown by: forebay lists
#
# lists:
#   - name: easylist
#     enabled: true
#   - name: mine
#     file: ~/lists/mine.txt
#     group: work
"""

POLICIES = """\
# Who gets which lists, and when; the first policy that fits decides.
#
# policies:
#   - id: kids
#     clients: [192.168.1.64/26]
#     when:
#       - {days: [mon-fri], from: "08:00", to: "16:00"}
#     groups: {ads: on}
#     mode: allow-only
#     allow: [school.example]
"""

REWRITE = """\
# Your own rewrite rules; read after those that ship. Edits take effect at once.
# The format is documented in the rewrite.yaml that ships; check yours: forebay lint
# Editors complete with the schema that this prints: forebay rules schema
#
# rules:
#   - id: no-client-hints
#     match:
#       host: "*.example.com"
#       path: /api/*
#       method: [GET, POST]
#     request:
#       remove: [X-Client-Data]
#       set: {Accept-Language: en}
#   - id: no-store
#     match: {host: www.example.com, status: 2xx}
#     response:
#       set: {Cache-Control: no-store}
"""

REDACT = """\
# What else the traffic log and recordings keep secret; read after what ships.
# The format is documented in the redact.yaml that ships.
#
# mode: hash
# names: [employee_id, x-internal-*]
# patterns:
#   - {name: employee, regex: 'EMP-[0-9]{6}'}
"""

EXAMPLES = {
    "blocklists/own.txt": BLOCKLIST,
    "lists.yaml": LISTS,
    "policies.yaml": POLICIES,
    "rewrite.yaml": REWRITE,
    "redact.yaml": REDACT,
}


def run(arguments: list[str]) -> int:
    """Write the examples; return 0, or 1 when a file cannot be written."""
    parser = argparse.ArgumentParser(prog="forebay init")
    add_home(parser)
    rules = Path(parser.parse_args(arguments).home).expanduser() / "rules"
    for name, text in EXAMPLES.items():
        path = rules / name
        try:
            print(f"{path}: {'written' if _write(path, text) else 'kept as it is'}")
        except OSError as error:
            print(f"{path}: expected to write it, found {error.strerror or error}", file=sys.stderr)
            return 1
    return 0


def _write(path: Path, text: str) -> bool:
    """Write a new file of one's own with the folders above it; return whether it was new."""
    # One by one: the mode given holds for the last of several only.
    for folder in (*reversed(path.parents), path.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
    try:
        private = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(private, "w", encoding="utf-8") as file:
        file.write(text)
    return True
