"""Edit header fields: requests before they are sent on, responses before the client sees them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache

from mitmproxy import ctx, http
from mitmproxy.addonmanager import Loader

from forebay import outcome, settings
from forebay.errors import ForebayError
from forebay.names import canonical, is_address, split_authority
from forebay.outcome import Outcome
from forebay.rewrite.actions import Applied, rewrite
from forebay.rewrite.load import RuleSet, load, sources
from forebay.rewrite.match import Head
from forebay.rewrite.rule import Phase
from forebay.rulefiles import RuleFiles, Source

logger = logging.getLogger(__name__)

OPTIONS = frozenset({"rewrite", "rewrite_files", "forebay_home", "forebay_rules"})
# What these answer is not a site's, and says itself what it is.
OWN_ANSWERS = frozenset({"blocklist", "proxycore"})
LIMIT_CAUSES = 100

_is_address = lru_cache(maxsize=1024)(is_address)  # asked twice for each flow


class Editor:
    """The rule set in force, and how it is applied to a flow; both addons share one."""

    def __init__(self) -> None:
        self.rules = RuleSet()
        self._warned: set[str] = set()

    def edit(self, flow: http.HTTPFlow, message: http.Message, phase: Phase) -> None:
        """Apply the rules of *phase* to *message*; if that fails it stays as it was."""
        try:
            self._edit(flow, message, phase)
        except Exception as error:  # rewriting fails open
            cause = " ".join(f"{type(error).__name__}: {error}"[:200].split())
            if cause not in self._warned and len(self._warned) < LIMIT_CAUSES:
                self._warned.add(cause)
                logger.warning("rewrite: the %s was left as it is: %s", phase, cause)

    def _edit(self, flow: http.HTTPFlow, message: http.Message, phase: Phase) -> None:
        rules = self.rules.request if phase is Phase.REQUEST else self.rules.response
        response = flow.response if phase is Phase.RESPONSE else None
        head = Head(
            hosts(flow),
            flow.request.path.partition("?")[0],
            flow.request.data.method.decode("utf-8", "surrogateescape"),  # .method is upper-cased
            response.status_code if response else None,
        )
        fields, applied = rewrite(
            rules,
            phase,
            head,
            message.headers.fields,
            lower_case=message.is_http2 or message.is_http3,
        )
        if not applied:
            return
        record = outcome.of(flow)
        done = record.get("rewrite", [])
        if any(entry["phase"] == phase for entry in done):
            return  # a head that comes twice in one attempt
        entries = [entry(one, phase) for one in applied]
        message.headers.fields = fields
        record["rewrite"] = done + entries


def hosts(flow: http.HTTPFlow) -> tuple[str, ...]:
    """Return the canonical names of the host the request goes to.

    That is the target and not what ``Host`` says, for a client may write there
    what it likes, and a rule may set what only its host shall see.  Where the
    target is an address (transparent mode, a tunnel to an IP) nothing else
    names the host: there the TLS server name counts too, which the origin's
    certificate must bear out, and without TLS the Host field.
    """
    target = canonical(flow.request.host)
    if not (target[-1:].isdigit() or ":" in target) or not _is_address(target):
        return (target,)
    named = flow.client_conn.sni or split_authority(flow.request.host_header or "")[0]
    return (target, canonical(named)) if named else (target,)


def entry(applied: Applied, phase: Phase) -> Outcome:
    """Return what the outcome says of an applied rule."""
    rule = applied.rule
    return {
        "id": rule.id,
        "file": rule.file,
        "line": rule.line,
        "phase": str(phase),
        "changes": [
            {"field": change.field, "before": change.before, "after": change.after}
            for change in applied.changes
        ],
    }


class RewriteAddon:
    """Edit requests, and keep the rules; `responses` is the addon that edits responses.

    Two addons, since requests are edited before the cache looks them up, and
    responses after it has stored or supplied them.
    """

    name = "forebay.rewrite"

    def __init__(self) -> None:
        self._editor = Editor()
        self.responses = RewriteResponsesAddon(self._editor)
        self._running = False
        self._files = RuleFiles("rewrite", load, self._put, str)

    def load(self, loader: Loader) -> None:
        """Declare the options."""
        settings.declare(loader)
        loader.add_option("rewrite", bool, True, "Edit header fields by rules.")
        loader.add_option(
            "rewrite_files",
            Sequence[str],
            [],
            "More files with rewrite rules, read after rewrite.yaml in forebay_rules "
            "and in rules/ of forebay_home; see the former for the format.",
        )

    def configure(self, updated: set[str]) -> None:
        """Read the rules whole, then swap them in."""
        if not updated & OPTIONS:
            return
        try:
            self._files.read(self._configured_sources(), running=self._running)
        except ForebayError as error:
            settings.reject(error, running=self._running)

    def _put(self, rules: RuleSet) -> None:
        self._editor.rules = rules

    def running(self) -> None:
        """Begin to watch the files."""
        self._running = True
        self._files.start()

    def done(self) -> None:
        """Stop watching."""
        self._files.stop()
        self._running = False

    def summary(self) -> str:
        """Return what the start line says of this addon."""
        return f"rewrite {self._editor.rules}" if ctx.options.rewrite else "rewrite off"

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Edit what the cache and the origin will see."""
        if not self._editor.rules.request or flow.response or flow.error or not flow.live:
            return
        self._editor.edit(flow, flow.request, Phase.REQUEST)

    def _configured_sources(self) -> tuple[Source, ...]:
        if not ctx.options.rewrite:
            return ()
        return sources(settings.shipped_rules(), settings.user_rules(), ctx.options.rewrite_files)


class RewriteResponsesAddon:
    """Edit what the client will see: answers of origins and of the cache."""

    name = "forebay.rewrite.responses"

    def __init__(self, editor: Editor) -> None:
        self._editor = editor

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Edit the head, before it may leave ahead of a streamed body."""
        if not self._editor.rules.response or flow.response is None or flow.error:
            return
        if not flow.live:
            return  # loaded from a file: a record, not traffic
        if outcome.answered_by(flow) in OWN_ANSWERS:
            return
        self._editor.edit(flow, flow.response, Phase.RESPONSE)
