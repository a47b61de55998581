"""What Forebay did with a flow, where people look at flows: mitmweb, the console, saved files.

``comment`` one line, ``marker`` a sign, ``label`` puts both on the flow;
``account`` (with ``arithmetic`` and ``ending``) and ``explain`` the whole as
YAML, ``contentview`` shows that, ``commands`` act on it (``ownlist`` writes
rules), ``trim`` bounds how many flows are kept.
"""
