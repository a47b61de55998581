"""A real mitmweb with our script, and its web interface as programs use it."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Any

import httpx

from proxies import LISTENING, START_DEADLINE_S, Proxy, copy_ca

PASSWORD = "look-inside"
_TWICE = "0123456789abcdef"
PROXY_LISTENING = re.compile(r"proxy listening at (?:http://)?\[?([0-9a-f.:*]+?)\]?:(\d+)")


class WebProxy(Proxy):
    """mitmweb; its interface is on another port, and says so in a similar line."""

    def wait_for(self, pattern, deadline_s: float = START_DEADLINE_S):
        return super().wait_for(PROXY_LISTENING if pattern is LISTENING else pattern, deadline_s)

    @property
    def page(self) -> str:
        """The address of the interface, with what opens it."""
        return f"http://127.0.0.1:{self.options['web_port']}/?token={PASSWORD}"

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """Return what the interface answers."""
        answer = httpx.request(
            method,
            f"http://127.0.0.1:{self.options['web_port']}{path}",
            headers={
                "Authorization": f"Bearer {PASSWORD}",
                # Cookie and field must agree, whatever they say.
                "Cookie": f"_mitmproxy_xsrf={_TWICE}",
                "X-XSRFToken": _TWICE,
            },
            timeout=60,
            trust_env=False,
            **more,
        )
        assert answer.status_code == 200, answer.text
        return answer.json() if answer.content else None

    def flows(self) -> list[dict[str, Any]]:
        """Return the flows that it shows, the oldest first, without the ready checks."""
        found = self.ask("GET", "/flows.json")
        return [flow for flow in found if flow["request"]["host"] != "mitm.it"]

    def flow(self, path: str) -> dict[str, Any]:
        """Return the last flow for a path that is finished."""
        return [flow for flow in self.flows() if flow["request"]["path"] == path][-1]

    def run(self, name: str, *arguments: str) -> Any:
        """Run a command of mitmproxy's; return its value."""
        said = self.ask("POST", f"/commands/{name}", json={"arguments": list(arguments)})
        assert "error" not in said, said
        return said["value"]

    def refusal(self, name: str, *arguments: str) -> str:
        """Run a command that fails; return why."""
        said = self.ask("POST", f"/commands/{name}", json={"arguments": list(arguments)})
        return said["error"]

    def set(self, **options: object) -> None:
        """Set options, as the options editor does."""
        self.ask("PUT", "/options", json=options)

    def view(self, flow: dict[str, Any], message: str = "response") -> str:
        """Return what the content view shows of a message."""
        return self.ask("GET", f"/flows/{flow['id']}/{message}/content/forebay.json")["text"]


def web_proxy(
    tmp_path: Path, shared_ca: Path, authority, *arguments: str, home: Path | None = None, **options
) -> WebProxy:
    """Return a mitmweb, not yet started."""
    confdir = tmp_path / "confdir"
    if not confdir.exists():
        copy_ca(shared_ca, confdir)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {
        "ssl_verify_upstream_trusted_ca": authority.path,
        "web_port": port,
        "web_password": PASSWORD,
        "web_open_browser": False,
        **options,
    }
    return WebProxy(home or tmp_path / "home", confdir, arguments, settings, tool="mitmweb")
