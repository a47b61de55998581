"""Clients that do not trust the proxy's certificate: who they are, and what helps.

``rejections`` counts, ``remedy`` says what to do, ``passing`` says which
connections may go through unread; ``certificate``, ``shells`` and
``instructions`` serve the command ``forebay ca``, with ``authority``,
``systemstore`` and ``nss`` for its files.
"""
