"""The hook that looks at responses; behind the cache, so that hits are cleaned too."""

from __future__ import annotations

from mitmproxy import ctx, http

from forebay.blocklist import altsvc


class BlocklistResponses:
    """Drop what would lead clients round the proxy."""

    name = "forebay.blocklist.responses"

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Drop alternatives that nobody filters (RFC 7838)."""
        if flow.response is None or not flow.live:
            return
        if ctx.options.blocklist and ctx.options.blocklist_alt_svc:
            fields = altsvc.clean(flow.response.headers.fields)
            if fields is not None:
                flow.response.headers.fields = fields
