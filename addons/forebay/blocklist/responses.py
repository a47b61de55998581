"""The hook that looks at responses; behind the cache, so that hits are cleaned too."""

from __future__ import annotations

from collections.abc import Callable

from mitmproxy import ctx, http

from forebay import outcome
from forebay.blocklist import altsvc

# What these answer is not a site's.
_OWN_ANSWERS = frozenset({"blocklist", "proxycore"})


class BlocklistResponses:
    """Drop what would lead clients round the proxy, and have responses judged."""

    name = "forebay.blocklist.responses"

    def __init__(self, judge: Callable[[http.HTTPFlow], None]) -> None:
        self._judge = judge

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Drop alternatives that nobody filters (RFC 7838); add what rules add, or refuse it."""
        if flow.response is None or not flow.live:
            return
        if ctx.options.blocklist and ctx.options.blocklist_alt_svc:
            fields = altsvc.clean(flow.response.headers.fields)
            if fields is not None:
                flow.response.headers.fields = fields
        if ctx.options.blocklist and outcome.answered_by(flow) not in _OWN_ANSWERS:
            self._judge(flow)
