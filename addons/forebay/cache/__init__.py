"""A shared HTTP cache after RFC 9111.

Policy, one module a section: ``key`` (§2), ``storable`` (§3), ``vary`` (§4.1),
``freshness`` (§4.2), ``validation`` (§4.3), ``directives`` (§5.2), and
``decision``, which puts them together.  ``entry`` is the stored form;
``store``, ``ram``, ``disk`` and ``database`` keep it; ``addon`` is the glue.
"""
