"""Record what an application asks of others, and answer from the recording.

``cassette`` is the file: ``yamltext`` writes and reads its YAML, ``bodytext``
its bodies, ``clean`` decides what of a message is kept, ``match`` which
recording answers a request, ``tape`` what a mode makes of that.  ``addon`` is
the glue in the proxy, ``control`` how tests talk to it; ``plugin``, ``fixture``
and ``proxyprocess`` run in the tests' own process and need nothing of the rest.
"""
