"""Values given before the options were declared."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from mitmproxy import exceptions, options

from forebay.proxycore import deferred

DECLARED = (
    ("blocklist", bool, True),
    ("blocklist_connect", str, "page"),
    ("blocklist_files", Sequence[str], []),
)


@pytest.fixture(name="opts")
def _opts():
    return options.Options()


def declare(opts):
    for name, kind, default in DECLARED:
        opts.add_option(name, kind, default, "")


def test_the_core_drops_the_script_over_one_value(opts):
    """The gap: this exception leaves the addons out, and nothing says so."""
    opts.set("blocklist=banana", defer=True)
    declare(opts)

    with pytest.raises(exceptions.OptionsError):
        opts.process_deferred()


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (["blocklist=banana"], "blocklist: expected true or false, found 'banana'"),
        (
            ["blocklist_connect=page", "blocklist_connect=refuse"],
            "blocklist_connect: expected one value, found 'page' and 'refuse'",
        ),
        (["blocklist_connect"], "blocklist_connect: expected one value, found none"),
    ],
)
def test_such_a_value_is_taken_back_and_said(opts, given, line):
    """Closed: the option has its default, the script stays."""
    opts.set(*given, defer=True)
    declare(opts)

    assert deferred.take_back(opts) == [line]
    opts.process_deferred()
    assert opts.blocklist is True
    assert opts.blocklist_connect == "page"


def test_a_value_of_the_wrong_kind_from_a_file_is_taken_back(opts):
    """``config.yaml`` gives values of YAML's types."""
    opts.update_defer(blocklist=7, blocklist_connect="refuse")
    declare(opts)

    assert deferred.take_back(opts) == ["blocklist: expected true or false, found 7"]
    opts.process_deferred()
    assert opts.blocklist_connect == "refuse"


def test_good_values_stay(opts):
    opts.set("blocklist=false", "blocklist_files=a", "blocklist_files=b", "unknown=1", defer=True)
    declare(opts)

    assert deferred.take_back(opts) == []
    opts.process_deferred()
    assert opts.blocklist is False
    assert list(opts.blocklist_files) == ["a", "b"]


def test_a_misspelt_option_of_ours_is_said(opts):
    """Options of others may be declared by a later script."""
    opts.set("blocklist_file=a", "rewrote=1", "theirs=1", "cache_xyzzy_q=1", defer=True)
    declare(opts)

    lines = deferred.unknown(opts)

    assert lines[0] == (
        "blocklist_file: expected an option of Forebay, found an unknown one; "
        "did you mean blocklist_files?"
    )
    assert [line.partition(":")[0] for line in lines] == ["blocklist_file", "cache_xyzzy_q"]
