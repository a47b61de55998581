"""A server on loopback that is dialled in place of an origin, for one connection.

mitmproxy cannot be given the messages of a WebSocket, nor an answer that has no
end.  So the flow goes to a server of ours, which the core takes for any other.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable

from mitmproxy import connection, http

logger = logging.getLogger(__name__)

DEADLINE_S = 60.0
"""How long it waits for the connection."""
type Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Loopback:
    """One server; to be made where the event loop runs.

    Args:
        flow: is led here, until `restore`.
        serve: speaks with it.

    Attributes:
        address: where it listens.
    """

    def __init__(self, flow: http.HTTPFlow, serve: Serve) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=1)
        self._socket.setblocking(False)
        self.address: tuple[str, int] = self._socket.getsockname()
        request = flow.request.data
        self._origin = request.scheme, request.host, request.port
        # The fields by which servers know their name stay as they are.
        request.scheme = b"http"
        request.host, request.port = self.address
        # Where the core looks for a proxy on the way there, and for how to speak to it.
        flow.server_conn = connection.Server(address=self.address)
        self._task = asyncio.get_running_loop().create_task(self._run(serve))

    def restore(self, flow: http.HTTPFlow) -> None:
        """Have the flow say again where it was to go."""
        request = flow.request.data
        request.scheme, request.host, request.port = self._origin

    async def _run(self, serve: Serve) -> None:
        loop = asyncio.get_running_loop()
        try:
            with self._socket:
                async with asyncio.timeout(DEADLINE_S):
                    accepted, _ = await loop.sock_accept(self._socket)
        except TimeoutError:
            return  # the client has left before it was dialled
        reader, writer = await asyncio.open_connection(sock=accepted)
        try:
            await serve(reader, writer)
        except OSError:
            pass  # the other side has left
        except Exception as error:  # the client sees that it ends
            logger.error("recording: a stream was not played to its end: %r", error)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def close(self) -> None:
        """End it, if it has not ended."""
        self._task.cancel()
        self._socket.close()
