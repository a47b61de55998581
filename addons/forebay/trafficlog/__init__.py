"""The traffic log: one line of JSON for each exchange, failed ones too.

The policy: ``record`` is the schema, ``secret`` and ``redact`` keep secrets
out of it, ``failure`` names what went wrong, ``parts`` are what records are
made of.  The glue: ``addon`` holds the hooks, ``ledger`` and ``clients`` know
what is under way, ``exchange`` and ``connection`` make records of it, and
``recorder`` numbers them.  The I/O: ``backlog``, ``writer``, ``logfile``.
"""
