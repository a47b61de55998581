"""Edit messages by rules: requests before they leave, responses before the client sees them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from mitmproxy import command, ctx, exceptions, http
from mitmproxy.addonmanager import Loader

from forebay import bypass, outcome, settings
from forebay.errors import ForebayError
from forebay.rewrite.editor import Editor
from forebay.rewrite.load import RuleSet, environment_of, loader, sources
from forebay.rewrite.rule import Phase, Rule
from forebay.rulefiles import RuleFiles, Source

logger = logging.getLogger(__name__)

OPTIONS = frozenset(
    {"rewrite", "rewrite_files", "rewrite_env", "rewrite_groups", "forebay_home", "forebay_rules"}
)
# What these answer is not a site's, and says itself what it is.
OWN_ANSWERS = frozenset({"blocklist", "proxycore"})


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
        self._read = RuleSet()
        self._toggled: dict[tuple[str, str], bool] = {}
        self._files = RuleFiles("rewrite", self._load, self._put, str)

    def load(self, loader: Loader) -> None:
        """Declare the options."""
        settings.declare(loader)
        loader.add_option("rewrite", bool, True, "Edit messages by rules.")
        loader.add_option(
            "rewrite_files",
            Sequence[str],
            [],
            "More files with rewrite rules, read after rewrite.yaml and rewrite/*.yaml in "
            "forebay_rules and in rules/ of forebay_home; see the former for the format.",
        )
        loader.add_option(
            "rewrite_groups",
            Sequence[str],
            [],
            "Groups of rewrite rules that are switched on, or with a - before the name off.",
        )
        loader.add_option(
            "rewrite_env",
            Sequence[str],
            [],
            "Environment variables that rewrite rules may use, as {env.NAME}.",
        )

    def configure(self, updated: set[str]) -> None:
        """Read the rules whole, then swap them in."""
        if not updated & OPTIONS:
            return
        try:
            self._files.read(self._configured_sources(), running=self._running)
            if "rewrite_groups" in updated and ctx.options.rewrite:
                self._read.check(ctx.options.rewrite_groups, "rewrite_groups")
        except ForebayError as error:
            settings.reject(error, running=self._running)

    def _load(self, files: Iterable[Source]) -> RuleSet:
        return loader(environment_of(ctx.options.rewrite_env))(files)

    def _put(self, rules: RuleSet) -> None:
        self._read = rules
        if self._toggled:
            rules = RuleSet(tuple(map(self._as_toggled, rules.rules)))
        self._editor.rules = rules.switched(ctx.options.rewrite_groups)

    def _as_toggled(self, rule: Rule) -> Rule:
        on = self._toggled.get((rule.file, rule.id))
        # Without a group no other switch reaches it.
        return rule if on is None else replace(rule, group="", is_default_on=on)

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

    def status(self) -> dict[str, Any]:
        """Return in plain types which rules are in force, and how often they applied."""
        if not ctx.options.rewrite:
            return {"on": False}
        rules, counts = self._editor.rules, self._editor.counts
        return {
            "on": True,
            "rules": len(rules.active),
            "rules_off": len(rules.rules) - len(rules.active),
            "applied": counts.total(),
            "groups_on": sorted(rules.groups_on),
            "groups_off": sorted(rules.groups_off),
            "toggled": len(self._toggled),
            **self._files.status(),
        }

    @command.command("forebay.rewrite.group")  # type: ignore[untyped-decorator]
    def switch(self, group: str, on: bool) -> None:
        """Switch a group of rewrite rules on or off."""
        kept = [each for each in ctx.options.rewrite_groups if each.removeprefix("-") != group]
        wanted = [*kept, group if on else f"-{group}"]
        try:
            self._load(self._configured_sources(with_sets=True)).check(wanted, "rewrite_groups")
        except ForebayError as error:
            raise exceptions.CommandError(str(error)) from None
        ctx.options.rewrite_groups = wanted

    def rule_names(self) -> list[str]:
        """Return by which names rules are toggled: ids, or file:line where several share one."""
        ids = Counter(rule.id for rule in self._read.rules)
        return [rule.id if ids[rule.id] == 1 else _place(rule) for rule in self._read.rules]

    def toggle(self, name: str) -> str:
        """Switch one rule off, or on again, until the proxy ends; return what it is now.

        Raises:
            ForebayError: when *name* is not that of exactly one rule.
        """
        found = [rule for rule in self._read.rules if name in (rule.id, _place(rule))]
        if len(found) != 1:
            places = ", ".join(map(_place, found)) or "none"
            raise ForebayError(f"expected the id or file:line of one rule, found {places:.200}")
        (rule,) = found
        active = {(each.file, each.id) for each in self._editor.rules.active}
        on = (rule.file, rule.id) not in active
        self._toggled[rule.file, rule.id] = on
        self._put(self._read)
        return f"{rule.id} ({rule.file}:{rule.line}) is {'on' if on else 'off'}"

    @command.command("forebay.rewrite.rules")  # type: ignore[untyped-decorator]
    def rules(self) -> Sequence[str]:
        """List rewrite rules: how often each has applied, whether it is on, and where it is.

        Without those of sets that ship, as long as no group is switched.
        """
        active = set(self._editor.rules.active)
        counts = self._editor.counts
        return [
            f"{counts[rule.file, rule.id]} {'on' if rule in active else 'off'} "
            f"{rule.id} ({rule.file}:{rule.line})"
            for rule in self._editor.rules.rules
        ]

    def requestheaders(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Edit what the cache and the origin will see, or answer."""
        rules = self._editor.rules
        if flow.response or flow.error or not flow.live:
            return None
        if not len(rules.request) and not len(rules.bodies):
            return None
        if outcome.bypasses(flow, bypass.REWRITE):
            return None
        return self._editor.request(flow)

    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Edit the request's body, once it is whole."""
        if flow.response or flow.error or not flow.live:
            return None
        return self._editor.whole(flow, Phase.REQUEST)

    def _configured_sources(self, *, with_sets: bool = False) -> tuple[Source, ...]:
        if not ctx.options.rewrite:
            return ()
        return sources(
            settings.shipped_rules(),
            settings.user_rules(),
            ctx.options.rewrite_files,
            with_sets=with_sets or bool(ctx.options.rewrite_groups),
        )


def _place(rule: Rule) -> str:
    return f"{PurePath(rule.file).name}:{rule.line}"


class RewriteResponsesAddon:
    """Edit what the client will see: answers of origins, of the cache and of rules."""

    name = "forebay.rewrite.responses"

    def __init__(self, editor: Editor) -> None:
        self._editor = editor

    def responseheaders(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Edit the head, before it may leave ahead of a streamed body."""
        if not len(self._editor.rules.response) or flow.response is None or flow.error:
            return None
        if not flow.live:
            return None  # loaded from a file: a record, not traffic
        if outcome.answered_by(flow) in OWN_ANSWERS or outcome.bypasses(flow, bypass.REWRITE):
            return None
        return self._editor.response(flow)

    def response(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Edit the body, once it is whole."""
        return self._editor.whole(flow, Phase.RESPONSE)
