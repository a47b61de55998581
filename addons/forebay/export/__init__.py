"""The traffic log in other formats.

Pure: ``lines`` reads a line, and each format is a `converter`: ``har`` (with
``harmessage``, ``harcookies`` and ``hartimings``), ``csvrows``, ``combined``.
``columns`` says how DuckDB is to see a record.
"""
