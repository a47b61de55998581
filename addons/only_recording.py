"""The pipeline for tests that record and nothing else: it starts sooner than ``main.py``'s."""

from forebay.announce import Announce
from forebay.control import Control
from forebay.proxycore.addon import Proxycore
from forebay.proxycore.bodies import Bodies
from forebay.recording.addon import RecordingAddon

addons = [
    Proxycore(),  # first: a flow must be in order before anybody decides about it
    RecordingAddon(),
    Bodies(),  # after all that wants a body: who wants what is known, streaming is decided
    Control(),  # serves what the others offer
    Announce(),  # last: every addon knows by now what it has
]
