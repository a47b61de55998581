"""A program that signals are passed on to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from forebay.recording import passedon

RUN = """
import sys
from forebay.recording import passedon
with passedon.ending():
    sys.exit(passedon.run([sys.executable, "-c", sys.argv[1]], {"PATH": ""}))
"""
TRAP = """
import os, signal, sys, time
def told(number, frame):
    os.write(1, (signal.Signals(number).name + "\\n").encode())  # print may be under way
    sys.exit(7)
for name in ("SIGTERM", "SIGINT", "SIGUSR1", "SIGHUP"):
    signal.signal(getattr(signal, name), told)
print("ready", flush=True)
signal.pause()
time.sleep(60)
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGUSR1", "SIGHUP"])
def test_signals_reach_the_program_and_its_status_counts(name):
    """Without a terminal, SIGINT too: nobody else sends it."""
    running = subprocess.Popen(
        [sys.executable, "-c", RUN, TRAP],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": "addons"},
    )
    assert running.stdout
    with running.stdout as lines:
        assert lines.readline() == "ready\n"
        running.send_signal(getattr(signal, name))
        assert lines.read() == f"{name}\n"

    assert running.wait(30) == 7


def test_the_status_of_a_program_that_a_signal_has_ended():
    """As shells say it."""
    killed = [sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]

    assert passedon.run(killed, {}) == 137


def test_the_environment_is_what_is_given():
    program = [sys.executable, "-c", "import os, sys; sys.exit(int(os.environ['N']))"]

    assert passedon.run(program, {"N": "5"}) == 5


def test_handlers_are_as_they_were():
    before = signal.getsignal(signal.SIGTERM)

    with passedon.ending():
        assert signal.getsignal(signal.SIGTERM) is not before
        passedon.run([sys.executable, "-c", ""], {})
    after = signal.getsignal(signal.SIGTERM)

    assert after is before


def test_a_signal_that_ends_this_program_is_an_exit():
    """So that what it has started is ended, too."""
    with pytest.raises(SystemExit) as caught, passedon.ending():
        os.kill(os.getpid(), signal.SIGTERM)

    assert caught.value.code == 143
