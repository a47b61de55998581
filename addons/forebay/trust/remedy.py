"""What helps when a client does not trust the proxy's certificate, in one line.

Pure.  Names and agents are foreign text: they are made visible, and a command
that people may copy holds only names that mean nothing to a shell.
"""

from __future__ import annotations

import re

from forebay.blocklist.verdict import visible
from forebay.names import bracketed
from forebay.recording.hints import variable_for
from forebay.trust.rejections import Kind, Place

_PLAIN = re.compile(r"[a-z0-9._:-]+").fullmatch
_LONGEST = 100


def mistrust(
    client: str, place: Place, kind: Kind, *, agent: str, may_pass: bool, is_last: bool
) -> str:
    """Return the line for the log.

    Args:
        client: its address.
        place: what it has asked for.
        kind: how it left.
        agent: what it calls itself, or "".
        may_pass: whether a connection can be passed through where it goes to.
        is_last: whether no more is said about this client.
    """
    may = "does not" if kind is Kind.ALERT else "may not"
    passing = ignoring(place) if may_pass else None
    return (
        f"{who(client, agent)} {may} trust the proxy's certificate for {shown(place)}: "
        f"{_trusting(agent)}"
        + (f"; or let the host pass undecrypted: {passing}" if passing else "")
        + ("; more hosts of this client are not named" if is_last else "")
    )


def passed(client: str, place: Place, *, agent: str, times: int) -> str:
    """Return the line that says that connections pass from now on."""
    return (
        f"{who(client, agent)} rejected the proxy's certificate for {shown(place)} {times} times "
        f"in a row: connections of {visible(client)} to it pass undecrypted from now on "
        "(forebay_passthrough_after)"
    )


def who(client: str, agent: str) -> str:
    """Return how a client is called.

    >>> who("192.0.2.1", "curl/8.5.0"), who("192.0.2.1", "")
    ('curl/8.5.0 at 192.0.2.1', 'a client at 192.0.2.1')
    """
    return f"{visible(agent, _LONGEST) or 'a client'} at {visible(client)}"


def shown(place: Place) -> str:
    """Return a place as people write it."""
    host, port = place
    return f"{visible(bracketed(host), _LONGEST)}:{port}"


def ignoring(place: Place) -> str | None:
    r"""Return the option that passes a place through; None for a name that is none.

    >>> ignoring(("a.example", 443)), ignoring(("a'b", 443))
    ("--set 'ignore_hosts=^a\\.example:443$'", None)
    """
    host, port = place
    if not _PLAIN(host):
        return None
    return f"--set 'ignore_hosts=^{host.replace('.', r'\.')}:{port}$'"


def _trusting(agent: str) -> str:
    if agent.startswith("Mozilla/"):
        return "forebay ca install, then start the browser again"
    if not agent:
        return 'eval "$(forebay ca env)" where it is started, or forebay ca install'
    variable = variable_for(agent)
    if " " in variable:  # it takes no certificate, but a store
        return f"{variable}, or forebay ca install, which says how"
    return f'set {variable} (eval "$(forebay ca env)"), or forebay ca install'
