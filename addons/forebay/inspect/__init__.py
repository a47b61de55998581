"""What Forebay did with a flow, where people look at flows: mitmweb, the console, saved files.

``comment`` one line, ``marker`` a sign, ``account`` and ``explain`` the whole as
YAML, ``contentview`` shows that, ``commands`` act on it, ``trim`` bounds how
many flows are kept.
"""
