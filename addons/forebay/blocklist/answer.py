"""The 403 page that a blocked request gets.

Rules, hosts and file names come from strangers: everything is escaped, and
nothing is shown that could hide or turn the text around it.  Folders are left
out, since scripts of an origin may be able to read its page's answers.
"""

from __future__ import annotations

import html
from datetime import UTC, datetime

from forebay.blocklist.verdict import Verdict, visible

_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<title>Blocked: {host}</title>
<style>
:root {{ --ink: #1b2a33; --soft: #5b6b75; --back: #eef3f5; --card: #fff; --mark: #0b7285; }}
@media (prefers-color-scheme: dark) {{
:root {{ --ink: #e6eef2; --soft: #9fb1bb; --back: #10181d; --card: #18242b; --mark: #66d9e8; }}
}}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center;
  background: var(--back); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }}
main {{ box-sizing: border-box; width: min(40rem, 100%); padding: 2rem;
  background: var(--card); border-top: 4px solid var(--mark); border-radius: 4px; }}
h1 {{ margin: 0 0 .25rem; font-size: 1.4rem; }}
p {{ margin: 0 0 1.25rem; color: var(--soft); overflow-wrap: anywhere; }}
dl {{ margin: 0; display: grid; grid-template-columns: max-content 1fr; gap: .4rem 1.25rem; }}
dt {{ color: var(--soft); }}
dd {{ margin: 0; overflow-wrap: anywhere; font-family: ui-monospace, monospace; }}
</style>
</head>
<body>
<main>
<h1>Blocked by Forebay</h1>
<p>{reason}</p>
<dl>
{rows}
</dl>
</main>
</body>
</html>
"""


def page(verdict: Verdict, *, host: str, now_s: float) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """Return the body and the header fields of the answer.

    Args:
        verdict: why the request is refused.
        host: the host that was asked for.
        now_s: the time of the refusal, a POSIX timestamp.
    """
    rows = [("Host", host)]
    if verdict.matched is not None:
        rows.append(("Rule", verdict.matched.rule))
        rows.append(("List", verdict.matched.list))
        rows.append(("Line", verdict.place or ""))
    rows.append(("Time", datetime.fromtimestamp(now_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")))
    body = _PAGE.format(
        host=_escaped(host),
        reason=_escaped(verdict.reason),
        rows="\n".join(
            f"<dt>{name}</dt><dd><bdi>{_escaped(text)}</bdi></dd>" for name, text in rows
        ),
    )
    return body.encode("utf-8"), [
        (b"Content-Type", b"text/html; charset=utf-8"),
        (b"Cache-Control", b"no-store"),
        (b"Content-Security-Policy", _CSP.encode("ascii")),
        (b"X-Content-Type-Options", b"nosniff"),
        (b"Referrer-Policy", b"no-referrer"),
        (b"Proxy-Status", proxy_status(verdict)),
    ]


def proxy_status(verdict: Verdict) -> bytes:
    r"""Return the ``Proxy-Status`` field value (RFC 9209 §2.3.10), a valid structured field.

    >>> from forebay.blocklist.verdict import Action
    >>> proxy_status(Verdict(Action.BLOCK, 'a "b" is listed'))
    b'forebay; error=http_request_denied; details="blocked: a \\"b\\" is listed"'
    """
    # An sf-string (RFC 9651 §3.3.3) has printable ASCII only, with \ and " escaped.
    text = verdict.summary().encode("ascii", "backslashreplace").decode("ascii")[:1_000]
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'forebay; error=http_request_denied; details="{quoted}"'.encode("ascii")


def _escaped(text: str) -> str:
    return html.escape(visible(text))
