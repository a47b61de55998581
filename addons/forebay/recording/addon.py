"""Play what was recorded, record what was not, and let nothing else out.

Stands behind the rules for requests, as it answers what a server would see,
and before the cache.  Requests are matched when their bodies are there; what a
server answers is kept before rules for responses edit it.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mitmproxy import connection, ctx, http, tls
from mitmproxy.addonmanager import Loader
from mitmproxy.proxy.server_hooks import ServerConnectionHookData

from forebay import outcome, settings
from forebay.errors import ForebayError
from forebay.names import canonical
from forebay.proxycore import bodies
from forebay.recording import clean, config, told
from forebay.recording.hints import variable_for
from forebay.recording.interaction import Request, Response
from forebay.recording.recorder import Recorder, url_of
from forebay.recording.tape import Pass, Play, Record, Refuse
from forebay.trafficlog.redact import DEFAULT, Redactor
from forebay.trafficlog.redaction import Redaction

if TYPE_CHECKING:
    from forebay.recording.conversation import Conversation
    from forebay.recording.loopback import Loopback, Serve
    from forebay.recording.session import Session

logger = logging.getLogger(__name__)

_MOST_CLIENTS = 1000


class RecordingAddon:
    """Record exchanges, and play them."""

    name = "forebay.recording"

    def __init__(self) -> None:
        self._session: Session | None = None
        self._running = False
        self._recorder = Recorder()
        self._redactor = DEFAULT
        self._redaction = Redaction(self._put_redactor)
        self._clients: dict[str, str] = {}
        self._loopbacks: weakref.WeakKeyDictionary[http.HTTPFlow, Loopback] = (
            weakref.WeakKeyDictionary()
        )

    def load(self, loader: Loader) -> None:
        """Declare the options."""
        settings.declare(loader)
        config.declare(loader)

    def configure(self, updated: set[str]) -> None:
        """Begin a recording, or end one; mistakes leave the one before as it is."""
        try:
            if "recording_max_body_bytes" in updated:
                self._recorder.limit_bytes = settings.size_bytes("recording_max_body_bytes")
            if "recording_max_messages" in updated:
                self._recorder.most_messages = config.most_messages()
            if updated & (config.OPTIONS | {"forebay_home", "forebay_rules"}):
                wanted = config.from_options()
                if wanted.path is None:
                    self._end()
                else:
                    self._read_redaction()
                    session = _begun(wanted, self._redactor)
                    self._end()
                    self._session = session
        except ForebayError as error:
            settings.reject(error, running=self._running)

    def running(self) -> None:
        """Note that errors no longer refuse the start."""
        self._running = True

    def done(self) -> None:
        """Write what was recorded."""
        self._redaction.stop()
        self._end()

    def summary(self) -> str:
        """Return this addon's part of the start line; nothing while nothing is recorded."""
        session = self._session
        if session is None:
            return ""
        what = "played" if session.tape.plays else "recorded"
        return f"recording {what}, {session.tape.mode}: {session.config.path}"

    def status(self) -> dict[str, Any]:
        """Return in plain types what is done with requests, and what was."""
        return {"on": False} if self._session is None else self._session.status()

    def _end(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            self._recorder.keep_open(session)
            session.tell()
            self._hang_up()

    def _read_redaction(self) -> None:
        self._redaction.configure(
            settings.shipped_rules(),
            settings.user_rules(),
            settings.path("forebay_home", ctx.options.forebay_home),
            running=False,
        )

    def _put_redactor(self, redactor: Redactor) -> None:
        self._redactor = clean.unkeyed(redactor)

    # Tests, over the control connection

    def control_handlers(self) -> Mapping[str, Any]:
        """Return what tests may ask for."""
        return {
            "recording.begin": self._begin,
            "recording.requests": self._requests,
            "recording.end": self._finish,
        }

    async def _begin(self, said: Mapping[str, Any]) -> Mapping[str, Any]:
        """Begin a recording; the one before, of a test that was broken off, is dropped."""
        wanted = config.made(said)
        self._read_redaction()
        self._hang_up()
        self._session = await asyncio.to_thread(_begun, wanted, self._redactor)
        self._clients.clear()
        return {"recorded": self._session.tape.recorded is not None}

    async def _requests(self, said: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the requests that were seen so far."""
        seen = [] if self._session is None else self._session.tape.asked
        return {"requests": [told.asked(each) for each in seen]}

    async def _finish(self, said: Mapping[str, Any]) -> Mapping[str, Any]:
        """End the recording; write it unless told otherwise, and return what became of all."""
        session, self._session = self._session, None
        if session is None:
            raise ForebayError("recording.end: expected a recording under way, found none")
        self._recorder.keep_open(session)
        found = await asyncio.to_thread(session.report)
        self._hang_up()
        found["saved"] = None
        if said.get("save", True) and not found["secrets"]:
            found["saved"] = await asyncio.to_thread(session.save)
        return found

    # HTTP

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Have the body kept, as requests are matched by it."""
        session = self._session
        if session is None or not self._is_ours(flow) or self._is_allowed(session, flow):
            return
        bodies.want_request(
            flow, self._recorder.limit_bytes, lambda: self._passed_on(session, flow)
        )

    def _passed_on(self, session: Session, flow: http.HTTPFlow) -> None:
        """Note a request whose body is too long; it goes on, if it may."""
        limit = f"{self._recorder.limit_bytes:,} bytes (recording_max_body_bytes)"
        url = session.redactor.target(flow.request.url)
        text = f"{flow.request.method} {url}: expected a body of at most {limit}, found more"
        if session.is_closed:
            session.tape.refuse(self._cleaned(session, flow, with_body=False))
            flow.kill()
        else:
            session.tape.let_pass(self._cleaned(session, flow, with_body=False))
        session.skipped.append(text)

    def request(self, flow: http.HTTPFlow) -> None:
        """Play, record, pass or refuse."""
        session = self._session
        if session is None or not self._is_ours(flow) or flow.request.stream:
            return
        asked = self._cleaned(session, flow)
        if self._is_allowed(session, flow):
            session.tape.let_pass(asked)
            return
        match session.tape.ask(asked):
            case Play(response, conversation):
                self._play(session, flow, response, conversation)
            case Record(slot):
                self._recorder.begin(flow, session, slot)
            case Refuse() as refused:
                self._refuse(session, flow, refused)
            case Pass():
                pass

    def _is_ours(self, flow: http.HTTPFlow) -> bool:
        return bool(flow.live) and flow.response is None and flow.error is None

    def _is_allowed(self, session: Session, flow: http.HTTPFlow) -> bool:
        return session.allows(canonical(flow.request.host))

    def _cleaned(self, session: Session, flow: http.HTTPFlow, *, with_body: bool = True) -> Request:
        request = flow.request
        return clean.request(
            session.redactor,
            request.data.method.decode("utf-8", "backslashreplace"),
            url_of(request),
            request.headers.fields,
            (request.raw_content or b"") if with_body else b"",
            self._recorder.limit_bytes,
        )

    def _play(
        self,
        session: Session,
        flow: http.HTTPFlow,
        response: Response,
        conversation: Conversation | None,
    ) -> None:
        if conversation is None and not response.is_open:
            self._answer(flow, response)
            return
        # Imported late: few play what has no end.
        from forebay.recording import standin
        from forebay.recording.loopback import Loopback

        serve: Serve
        if conversation is None:
            serve = functools.partial(standin.stream, response)
        else:
            cleaned = functools.partial(clean.message, session.redactor)
            serve = standin.Standin(response, conversation, cleaned).serve
        self._loopbacks[flow] = Loopback(flow, serve)

    def _hang_up(self) -> None:
        """End what is played and has no end of its own."""
        for each in list(self._loopbacks.values()):
            each.close()

    def _answer(self, flow: http.HTTPFlow, response: Response) -> None:
        outcome.of(flow)["answer"] = "recording"
        fields = [
            (name.encode("utf-8", "surrogateescape"), value.encode("utf-8", "surrogateescape"))
            for name, value in response.headers
        ]
        flow.response = http.Response.make(response.status, response.body, http.Headers(fields))
        if flow.request.method == "HEAD" or response.status in (204, 304):
            flow.response.headers.pop("content-length", None)

    def _refuse(self, session: Session, flow: http.HTTPFlow, refused: Refuse) -> None:
        outcome.of(flow)["answer"] = "recording"
        flow.response = http.Response.make(
            told.STATUS,
            told.answer(refused, str(session.config.path)),
            {"Content-Type": "application/json", "Cache-Control": "no-store"},
        )
        flow.response.reason = told.REASON

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Keep the head as the server sent it, and have its body kept."""
        if self._loopbacks and (loopback := self._loopbacks.get(flow)) is not None:
            loopback.restore(flow)
        else:
            self._recorder.responseheaders(flow)

    def response(self, flow: http.HTTPFlow) -> None:
        """Record what was answered, if it was a server that did, or begin with a WebSocket."""
        if self._loopbacks and flow in self._loopbacks:
            outcome.of(flow)["answer"] = "recording"
        self._recorder.response(flow)

    def websocket_message(self, flow: http.HTTPFlow) -> None:
        """Keep a message."""
        self._recorder.websocket_message(flow)

    def websocket_end(self, flow: http.HTTPFlow) -> None:
        """Record a WebSocket."""
        self._recorder.finish(flow)

    def error(self, flow: http.HTTPFlow) -> None:
        """Forget an exchange that failed, but for a stream that the client has left."""
        if self._loopbacks and (loopback := self._loopbacks.get(flow)) is not None:
            loopback.restore(flow)
            loopback.close()
            outcome.of(flow)["answer"] = "recording"
        self._recorder.error(flow)

    # Connections

    def server_connect(self, data: ServerConnectionHookData) -> None:
        """Refuse every connection to a server while a recording is all that may answer."""
        session = self._session
        if session is None or not session.is_closed or data.server.address is None:
            return
        host, port = data.server.address[:2]
        if any(each.address == (host, port) for each in self._loopbacks.values()):
            return
        if session.allows(canonical(host)):
            return
        session.fenced.append(f"{host}:{port}")
        data.server.error = (
            f"recording: nothing is asked of {host}:{port} in mode {session.tape.mode}"
        )

    def http_connect(self, flow: http.HTTPFlow) -> None:
        """Remember who it is, in case it does not trust us."""
        if self._session is not None and len(self._clients) < _MOST_CLIENTS:
            self._clients[flow.client_conn.id] = flow.request.headers.get("user-agent", "")

    def client_disconnected(self, client: connection.Client) -> None:
        """Forget who it was."""
        self._clients.pop(client.id, None)

    def tls_failed_client(self, data: tls.TlsData) -> None:
        """Note a client that does not trust the proxy's certificate, and what would help."""
        session = self._session
        if session is None:
            return
        client = data.context.client
        agent = self._clients.get(client.id, "")
        session.untrusting.append(
            {
                "host": str(client.sni or (data.context.server.address or ("?",))[0]),
                "client": agent,
                "error": str(data.conn.error or ""),
                "variable": variable_for(agent),
            }
        )


def _begun(wanted: config.Config, redactor: Redactor) -> Session:
    # Imported late: no start waits for what reads and writes cassettes.
    from forebay.recording.session import Session

    return Session.begun(wanted, redactor)
