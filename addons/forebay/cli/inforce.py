"""What ``forebay check`` judges requests by: the lists, and the policy of whoever asks."""

from __future__ import annotations

import argparse
import re
import time
from dataclasses import dataclass

from forebay.blocklist.load import RuleSet, load
from forebay.blocklist.policies import Policy
from forebay.blocklist.sources import gather
from forebay.cli.places import home_folder, rules_folder
from forebay.errors import RuleError
from forebay.paths import expanded

_MOMENT = re.compile(r"\s*([A-Za-z]+)\s+([0-9:]+)\s*")


@dataclass(frozen=True, slots=True)
class Lists:
    """What requests are judged by.

    Args:
        lists: the rules; None with the blocklist off, and where they cannot be read.
        policy: that of whoever asks, if there is one.
        is_known: whether they can.
    """

    lists: RuleSet | None = None
    policy: Policy | None = None
    is_known: bool = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--time``."""
    parser.add_argument("--time", type=_moment, metavar="'DAY HH:MM'",
                        help="the time of the week for policies, such as 'mon 21:30', local "
                        "(default: now)")  # fmt: skip


def lists_for(given: argparse.Namespace) -> Lists:
    """Return what a request is judged by.

    Raises:
        ForebayError: when a list, or what says which there are, cannot be read.
    """
    if not given.blocklist:
        return Lists()
    home = home_folder(given)
    sources = gather(
        shipped=rules_folder(given),
        user=home / "rules",
        downloads=home / "lists",
        files=tuple(expanded("blocklist_files", each) for each in given.blocklist_files),
    )
    now = time.localtime()
    weekday, minute = given.time or (now.tm_wday, 60 * now.tm_hour + now.tm_min)
    policy = sources.policies.choose(
        client=given.client, user=given.user, weekday=weekday, minute=minute
    )
    return Lists(load(sources.lists), policy)


def _moment(text: str) -> tuple[int, int]:
    """Return weekday (0 for Monday) and minute of the day."""
    # Imported late: it imports pydantic.
    from forebay.blocklist.policyfile import DAYS, first_minute

    found = _MOMENT.fullmatch(text)
    try:
        if found is None or found[1].lower() not in DAYS:
            raise RuleError("no day")
        return DAYS.index(found[1].lower()), first_minute(found[2])
    except RuleError:
        raise argparse.ArgumentTypeError(
            f"expected a day and a time such as 'mon 21:30', found {text!r:.70}"
        ) from None
