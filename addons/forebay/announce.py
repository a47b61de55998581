"""Say once, in one line, what is on; say what was asked for and cannot be."""

from __future__ import annotations

import ipaddress
import logging

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader
from mitmproxy.utils import human

import forebay
from forebay.proxycore import deferred

logger = logging.getLogger(__name__)

SUMMARISED = (
    "forebay.blocklist",
    "forebay.rewrite",
    "forebay.recording",
    "forebay.cache",
    "forebay.trafficlog",
)


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach *host*, an address that is listened on."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Announce:
    """Print the start line, last of all, when every addon knows what it has."""

    name = "forebay.announce"

    def load(self, loader: Loader) -> None:
        """Refuse values that cannot be read; all options of ours are declared by now."""
        for line in deferred.take_back(loader.master.options):
            logger.error(line)

    def running(self) -> None:
        """Print it, and refuse the start over options that do not exist."""
        for line in deferred.unknown(ctx.options):
            logger.error(line)
        found = (ctx.master.addons.get(name) for name in SUMMARISED)
        parts = [addon.summary() for addon in found if addon is not None]
        logger.info("Forebay %s: %s", forebay.__version__, ", ".join(filter(None, parts)))
        addresses = ctx.master.addons.get("proxyserver").listen_addrs()
        reachable = [address for address in addresses if not is_loopback(address[0])]
        if reachable:
            logger.warning(
                "listen_host: anyone who can reach %s may use this proxy and whatever it can "
                "reach; --listen-host 127.0.0.1 keeps it to this machine",
                human.format_address(reachable[0]),
            )
