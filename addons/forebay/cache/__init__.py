"""A shared HTTP cache after RFC 9111.

Policy, one module a section of RFC 9111: ``key`` (§2), ``storable`` (§3),
``ranges`` and ``combine`` (§3.3, §3.4), ``vary`` (§4.1), ``freshness`` (§4.2),
``staleness`` (§4.2.4), ``validation`` (§4.3), ``conditional`` and ``shape``
(§4.3.2), ``invalidation`` and ``references`` (§4.4), ``directives`` (§5.2), and
``decision``, which puts them together.  ``targeted`` is RFC 9213, read with
``structured`` (RFC 9651); ``rule`` and ``parse`` are the user's own wishes.

``entry`` is the stored form; ``store``, ``ram``, ``disk`` and ``database`` keep
it; ``addon`` is the glue.
"""
