"""Answer requests for listed hosts without asking the origin.

``parse`` turns a line into a `Rule`, ``load`` reads files into a `Matcher`,
the matcher decides on names with a `Verdict`, ``answer`` makes the page, and
``addon`` holds the hooks.
"""
