"""Forebay's entry script: ``mitmdump -s addons/main.py``.

The list below is the pipeline.  Every hook of mitmproxy runs down it once.
"""

from forebay.announce import Announce
from forebay.blocklist.addon import BlocklistAddon
from forebay.cache.addon import CacheAddon
from forebay.control import Control
from forebay.inspect.addon import InspectAddon
from forebay.proxycore.addon import Proxycore
from forebay.proxycore.bodies import Bodies
from forebay.recording.addon import RecordingAddon
from forebay.rewrite.addon import RewriteAddon
from forebay.trafficlog.addon import TrafficlogAddon
from forebay.trust.addon import TrustAddon
from forebay.turbo.addon import Turbo

blocklist = BlocklistAddon()
rewrite = RewriteAddon()

addons = [
    Proxycore(),  # first: a flow must be in order before anybody decides about it
    blocklist,  # before all that answers or edits: nothing may change what is judged
    rewrite,  # requests, before the cache: the store is keyed by what the origin would see
    blocklist.again,  # after that: no rule sends a request where it would not be let
    RecordingAddon(),  # plays and keeps what servers said, before the cache and rules get it
    CacheAddon(),  # before the responses are edited: it stores what the origin sent
    blocklist.responses,  # after the cache: hits may lead round the proxy, too
    rewrite.responses,  # after the cache: edits what the client sees, hits included
    InspectAddon(),  # after all that decides: its label tells every verdict
    TrafficlogAddon(),  # after all that decides: its record holds every verdict
    Bodies(),  # after all that wants a body: who wants what is known, streaming is decided
    TrustAddon(blocklist.refuses_tunnel),  # no hook of a flow; it lets pass what no list refuses
    Control(),  # serves what the others offer
    Turbo(),  # no hook of a flow: its place does not matter
    Announce(),  # last: every addon knows by now what it has
]
