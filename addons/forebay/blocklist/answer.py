"""What a blocked request gets: the page of a refusal, or what breaks a site least.

Pure.  Each type gets what its own kind of client copes with best:

1. Documents, frames and what is of no known type: the 403 page.
2. Images, scripts and stylesheets: an empty one with status 200, since a broken
   picture shows and ``onerror`` fetches the same thing from elsewhere.
3. ``fetch()``, pings and WebSockets: 403 and the reason as text, readable across
   origins, so that they fail at once and say why.
4. Fonts, media and plugins: 403 and nothing, so that their fallback is used.
5. A rule that names a stub: that stub.

Rules, hosts and file names come from strangers: everything is escaped, and
nothing is shown that could hide or turn the text around it.  Folders are left
out, since scripts of an origin may be able to read its page's answers.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from forebay.blocklist.stubs import stub
from forebay.blocklist.verdict import Verdict, visible

_OWN_LIST = "~/.forebay/rules/blocklists/own.txt"

# The sandbox makes the page an origin of its own, out of the blocked one's reach.
_CSP = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; sandbox"

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
dd, code {{ margin: 0; overflow-wrap: anywhere; font-family: ui-monospace, monospace; }}
.hint {{ margin: 1.25rem 0 0; }}
@media (max-height: 20rem) {{
main {{ padding: .5rem 1rem; font-size: .75rem; line-height: 1.3; }}
h1 {{ font-size: 1rem; }}
p, .hint {{ margin: 0 0 .5rem; }}
}}
</style>
</head>
<body>
<main>
<h1>Blocked by Forebay</h1>
<p>{reason}</p>
<dl>
{rows}
</dl>{hint}
</main>
</body>
</html>
"""


_HINT = '\n<p class="hint">Allow it with <code>{rule}</code> in <code>{path}</code></p>'

Fields = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """The facts of a request that shape its answer.

    Args:
        host: the host that was asked for.
        method: as it was sent.
        type: what the answer is for, in the words of a rule's options: ``document``,
            ``script``, ``xmlhttprequest`` and so on; any other word counts as ``other``.
        origin: the value of the Origin field, None without one.
        requested_method: the value of Access-Control-Request-Method.
        requested_headers: the value of Access-Control-Request-Headers.
    """

    host: str
    method: str
    type: str
    origin: str | None
    requested_method: str | None = None
    requested_headers: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A response without framing: the length of *body* is for the sender to state."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]


_INSTEAD = {"image": "1x1.gif", "script": "noop.js", "stylesheet": "noop.css"}
"""The stub for a type that is answered as if all were well."""
_WORDLESS = {"font", "media", "object"}
_PLAIN = {"xmlhttprequest", "ping", "websocket"}


def answer(verdict: Verdict, asked: Asked, *, now_s: float, redirect: str | None = None) -> Answer:
    """Return what the request gets in place of the origin's response.

    Args:
        verdict: why the request is refused.
        asked: what it asks for.
        now_s: the time of the refusal, a POSIX timestamp.
        redirect: the name of a stub that the rule wants; an unknown one counts as none.
    """
    if asked.method == "OPTIONS" and asked.requested_method is not None and asked.origin:
        return Answer(204, b"", (*_common(verdict), *_preflight(asked)))
    resource = stub(redirect or "") or stub(_INSTEAD.get(asked.type, ""))
    if resource is not None:
        return _embedded(verdict, asked, 200, resource.body, resource.content_type)
    if asked.type in _WORDLESS:
        return _embedded(verdict, asked, 403, b"", None)
    if asked.type in _PLAIN:
        # The page that asks may be anybody: which rules there are is not for it to read.
        reason = f"Blocked by Forebay: {visible(verdict.reason)}\n".encode()
        return _embedded(verdict, asked, 403, reason, b"text/plain; charset=utf-8")
    return Answer(403, _html(verdict, asked.host, now_s), _page_fields(verdict, asked))


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


def _common(verdict: Verdict) -> Fields:
    return (
        (b"Cache-Control", b"no-store"),
        (b"X-Content-Type-Options", b"nosniff"),
        (b"Proxy-Status", proxy_status(verdict)),
    )


_EMBEDDABLE = (b"Cross-Origin-Resource-Policy", b"cross-origin")
"""What a page that isolates itself (COEP) needs to see on what it embeds."""


def _embedded(
    verdict: Verdict, asked: Asked, status: int, body: bytes, content_type: bytes | None
) -> Answer:
    fields = (*_common(verdict), *_cors(asked), _EMBEDDABLE)
    if content_type is not None:
        fields = ((b"Content-Type", content_type), *fields)
    return Answer(status, body, fields)


_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"  # noqa: S105 (RFC 9110 §5.6.2)
_METHOD = re.compile(_TOKEN).fullmatch
_NAMES = re.compile(rf"{_TOKEN}(?:[ \t]*+,[ \t]*+{_TOKEN})*+").fullmatch
_ORIGIN = re.compile(
    r"null|[a-z][a-z0-9+.-]{0,30}://(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?"
).fullmatch


def _cors(asked: Asked) -> Fields:
    """Return what lets scripts of the asking origin read the answer (Fetch §3.3)."""
    vary = (b"Vary", b"Origin")
    if asked.origin is None or not _ORIGIN(asked.origin):
        return (vary, (b"Access-Control-Allow-Origin", b"*"))
    return (
        vary,
        (b"Access-Control-Allow-Origin", asked.origin.encode("ascii")),
        (b"Access-Control-Allow-Credentials", b"true"),
    )


def _preflight(asked: Asked) -> Fields:
    """Return leave to ask, so that the request itself comes and gets the reason."""
    vary = b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
    fields = [(b"Vary", vary), *_cors(asked)[1:], (b"Access-Control-Max-Age", b"0")]
    for name, value, is_sound in (
        (b"Access-Control-Allow-Methods", asked.requested_method, _METHOD),
        (b"Access-Control-Allow-Headers", asked.requested_headers, _NAMES),
    ):
        if value is not None and is_sound(value):
            fields.append((name, value.encode("ascii")))
    return tuple(fields)


def _page_fields(verdict: Verdict, asked: Asked) -> Fields:
    fields = (
        (b"Content-Type", b"text/html; charset=utf-8"),
        *_common(verdict),
        (b"Referrer-Policy", b"no-referrer"),
    )
    if asked.type == "document":
        csp = f"{_CSP}; frame-ancestors 'none'"
        return (*fields, (b"Content-Security-Policy", csp.encode("ascii")))
    # In a frame there is nothing to click and nothing that runs, so any page may show it.
    fields = (*fields, (b"Content-Security-Policy", _CSP.encode("ascii")), _EMBEDDABLE)
    fields = (*fields, (b"Cross-Origin-Embedder-Policy", b"require-corp"))
    return fields if asked.type == "subdocument" else (*fields, *_cors(asked))


_PLAIN_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}").fullmatch


def _html(verdict: Verdict, host: str, now_s: float) -> bytes:
    rows = [("Host", host)]
    hint = ""
    if (rule := verdict.matched) is not None:
        rows += [("Rule", rule.rule), ("List", rule.list), ("Line", verdict.place or "")]
        if rule.group:
            rows.append(("Group", rule.group))
        if _PLAIN_HOST(host):
            hint = _HINT.format(rule=html.escape(f"@@||{host}^"), path=html.escape(_OWN_LIST))
    rows.append(("Time", datetime.fromtimestamp(now_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")))
    body = _PAGE.format(
        host=_escaped(host),
        reason=_escaped(verdict.reason),
        rows="\n".join(
            f"<dt>{name}</dt><dd><bdi>{_escaped(text)}</bdi></dd>" for name, text in rows
        ),
        hint=hint,
    )
    return body.encode("utf-8")


def _escaped(text: str) -> str:
    return html.escape(visible(text))
