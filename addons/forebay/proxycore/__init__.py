"""Everything that leans on how mitmproxy's core works: one file a guard.

Where mitmproxy has a public hook, a guard uses it.  Where it has none, a guard
is a ``Patch`` of named methods, which is put in place only on the version it
was written for and only after its self-test has seen it work.
"""
