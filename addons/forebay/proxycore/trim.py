"""Forget messages of WebSocket, TCP and UDP flows once they have been sent.

mitmproxy keeps every message of such a flow until it ends, which costs twice
the bytes that passed.  Where nobody looks at them they are dropped, save the
last one, which hooks that run after ours refer to.
"""

from __future__ import annotations

from mitmproxy import http, tcp, udp

from forebay.proxycore import audience


def trim(flow: http.HTTPFlow | tcp.TCPFlow | udp.UDPFlow) -> None:
    """Drop all messages but the last, unless somebody wants them."""
    if audience.present() is not audience.Audience.NOBODY:
        return
    if isinstance(flow, http.HTTPFlow):
        if flow.websocket is not None:
            del flow.websocket.messages[:-1]
    else:
        del flow.messages[:-1]
