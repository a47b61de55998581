"""Show what Forebay did as a view of a message's content: the way mitmproxy offers for it."""

from __future__ import annotations

from mitmproxy import contentviews, http

from forebay.inspect import account
from forebay.inspect.explain import explain


class ForebayContentview(contentviews.Contentview):
    """The flow's outcome as YAML, whatever its content is."""

    name = "Forebay"
    syntax_highlight = "yaml"

    def prettify(self, data: bytes, metadata: contentviews.Metadata) -> str:
        """Return the account of the flow; it is made now, when somebody asks for it."""
        flow = metadata.flow
        if not isinstance(flow, http.HTTPFlow):
            return "# Only HTTP flows have an account; see the comment of this one.\n"
        return explain(account.of(flow))

    def render_priority(self, data: bytes, metadata: contentviews.Metadata) -> float:
        """Return that it is never chosen unasked."""
        return -1


def register() -> None:
    """Offer the view; once, also when the script is loaded again."""
    if ForebayContentview.name.lower() not in contentviews.registry:
        contentviews.add(ForebayContentview())
