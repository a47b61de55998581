"""Forebay: addons that make a filtering, rewriting, caching, logging proxy of mitmproxy.

The arrow of dependence: ``addons/main.py`` (the list) → ``<folder>/addon.py``
(glue: hooks, options) → policy modules (pure: no mitmproxy, clock, files or
threads) → back to the glue → ``store.py``, ``writer.py``, ``load.py`` (I/O).

What the addons decide about a flow, and why, lies in its outcome
(``outcome.py``).  Only ``proxycore`` and ``turbo`` lean on mitmproxy's private
names.
"""

__version__ = "0.1.0"
