"""What traffic logs say, in numbers: read once, in bounded memory, and shown in three forms.

The policy: ``line`` is what is read of a record, ``selection`` which records
count, ``tally`` adds them up (in ``rows``, of which a ``table`` keeps the most
used; ``histogram``, ``series`` over time, ``sequence`` for lost numbers), and
``summary`` is the result, which is also the JSON document.  ``figures``,
``scale`` and ``chart`` draw, ``page`` and ``sections`` make the HTML file,
``oneline`` a line of ``forebay tail``.  The glue: ``terminal`` prints tables,
``follow`` waits for new lines.
"""
