"""Commands for mitmweb's command bar and the console: explain, block, allow, switch, status."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mitmproxy import command, ctx, exceptions, http, types
from mitmproxy import flow as mflow

from forebay import outcome, settings, status
from forebay.errors import ForebayError
from forebay.inspect import account, ending, ownlist
from forebay.inspect.comment import comment
from forebay.inspect.explain import explain

_MOST_FLOWS = 20


class Commands:
    """What people can ask and tell Forebay while they look at flows."""

    name = "forebay.inspect.commands"

    @command.command("forebay.explain")  # type: ignore[untyped-decorator]
    def explain(self, flows: Sequence[mflow.Flow]) -> str:
        """Tell all that Forebay did with flows, as YAML; also of those without any content."""
        if not flows:
            # Not @focus: mitmweb does not tell which flow somebody has selected there.
            raise exceptions.CommandError("expected flows, such as '~u /path', found none")
        if len(flows) > _MOST_FLOWS:
            raise exceptions.CommandError(
                f"expected at most {_MOST_FLOWS} flows, found {len(flows)}"
            )
        return "---\n".join(explain(_account(flow)) for flow in flows)

    @command.command("forebay.block.host")  # type: ignore[untyped-decorator]
    def block(self, host: str) -> str:
        """Block a host and its subdomains by a rule of your own."""
        return _put(host, allow=False)

    @command.command("forebay.allow.host")  # type: ignore[untyped-decorator]
    def allow(self, host: str) -> str:
        """Never block a host and its subdomains, by a rule of your own."""
        return _put(host, allow=True)

    @command.command("forebay.rules.ids")  # type: ignore[untyped-decorator]
    def ids(self) -> Sequence[str]:
        """List the names of rewrite rules: ids, or file:line where several share one."""
        names: Sequence[str] = _rewrite().rule_names()
        return names

    @command.command("forebay.rules.toggle")  # type: ignore[untyped-decorator]
    @command.argument("rule_id", type=types.Choice("forebay.rules.ids"))  # type: ignore[untyped-decorator]
    def toggle(self, rule_id: str) -> str:
        """Switch one rewrite rule off, or on again, until the proxy ends."""
        try:
            said: str = _rewrite().toggle(rule_id)
        except ForebayError as error:
            raise exceptions.CommandError(str(error)) from None
        return said

    @command.command("forebay.status")  # type: ignore[untyped-decorator]
    def status_command(self) -> str:
        """Tell what is on and what is wrong: lists, rules, recording, cache, log."""
        return explain(status.collected(time.time()))


def _account(flow: mflow.Flow) -> dict[str, Any]:
    if isinstance(flow, http.HTTPFlow):
        return account.of(flow)
    notes = flow.metadata.get(outcome.KEY)
    if not isinstance(notes, dict):
        return {"forebay": account.UNKNOWN}
    redactor = account.in_force()
    decided = comment(
        notes,
        error_type=ending.error_type(flow),
        error=flow.error.msg if flow.error else "",
        redactor=redactor,
    )
    return {
        "kind": flow.type,
        "decided": decided or "nothing",
        "error": flow.error and redactor.excerpt(flow.error.msg, 300),
        "outcome": redactor.verdict(notes),
    }


def _put(host: str, *, allow: bool) -> str:
    if not ctx.options.blocklist:
        raise exceptions.CommandError("expected the blocklist to be on, found it off")
    try:
        rule = ownlist.rule_for(host, allow=allow)
        done, path, line = ownlist.put(Path(settings.user_rules()), rule)
    except ForebayError as error:
        raise exceptions.CommandError(str(error)) from None
    return f"{rule} {done}: {path}:{line}"


def _rewrite() -> Any:
    found = ctx.master.addons.get("forebay.rewrite")
    if found is None or not ctx.options.rewrite:
        raise exceptions.CommandError("expected rewriting to be on, found it off")
    return found
