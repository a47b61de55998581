"""What follows from trouble."""

from __future__ import annotations

import pytest

from forebay.trafficlog.trouble import OnError, Trouble


@pytest.mark.parametrize(
    ("on_error", "stops", "refuses"),
    [
        (OnError.DROP, [], []),
        (OnError.STOP, [Trouble.LOST, Trouble.STUCK, Trouble.FULL], []),
        (OnError.BLOCK, [], [Trouble.REFUSED, Trouble.STUCK, Trouble.FULL]),
    ],
)
def test_each_wish_has_its_consequences(on_error, stops, refuses):
    """And without trouble there are none."""
    states = [None, *Trouble]

    assert [state for state in states if on_error.stops(state)] == stops
    assert [state for state in states if on_error.refuses(state)] == refuses


def test_a_loss_for_want_of_room_is_the_greatest():
    """It must not be hidden by what is known already."""
    assert Trouble.REFUSED < Trouble.STUCK < Trouble.FULL
