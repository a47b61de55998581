"""Speed that needs mitmproxy's private names; each part can be switched off and falls back."""
