"""Options with which a rule does not block a request, but changes it or its response.

================ =======================================================
``removeparam``  takes parameters out of the query (see `removeparam`)
``csp``          adds a Content-Security-Policy to pages and frames
``permissions``  adds a Permissions-Policy to them
``header``       blocks the response, if it has such a field
================ =======================================================

An exception with the same value undoes a rule, and one without any all of that
kind, save important ones.  So uBlock Origin has it.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from forebay.blocklist import resource
from forebay.blocklist.fieldmatch import FieldMatch, parse_field
from forebay.blocklist.policyfields import permissions_policy, security_policy
from forebay.blocklist.removeparam import ALL, Parameters, parse_parameters


class Kind(Enum):
    """What is changed."""

    REMOVEPARAM = "removeparam"
    CSP = "csp"
    PERMISSIONS = "permissions"
    HEADER = "header"


KINDS = {kind.value: kind for kind in Kind} | {"queryprune": Kind.REMOVEPARAM}
"""By the names of the options."""
FIELDS = {Kind.CSP: b"Content-Security-Policy", Kind.PERMISSIONS: b"Permissions-Policy"}
"""The fields that are added."""
PAGES = frozenset({"document", "subdocument"})
"""The types that fields are added to."""


@dataclass(frozen=True, slots=True)
class Modifier:
    """What one rule changes.

    Args:
        kind: of what kind it is.
        value: as it is written, by which exceptions name it; empty when there is none.
        parameters: what goes from the query.
        policy: what the added field says.
        field: what the response must have.
    """

    kind: Kind
    value: str = ""
    parameters: Parameters = ALL
    policy: str = ""
    field: FieldMatch | None = None

    @property
    def is_sweeping(self) -> bool:
        """Whether a rule that has this and names no URL would be about nearly everything."""
        if not self.value:
            return True
        if self.kind is Kind.REMOVEPARAM:
            return self.parameters.is_all or self.parameters.negated
        return self.field is not None and (self.field.is_presence or self.field.negated)

    @property
    def usual(self) -> frozenset[str]:
        """The types that are meant where a rule names none."""
        if self.kind in FIELDS:
            return PAGES
        return resource.USUAL if self.kind is Kind.HEADER else resource.ALL


def parse_modifier(kind: Kind, value: str) -> Modifier:
    """Return the modifier with *value*, which may be empty.

    Raises:
        RuleError: when it is no value of this kind.
    """
    value = value.replace("\\,", ",")  # how options have it that are divided by commas
    if not value:
        return Modifier(kind)
    match kind:
        case Kind.REMOVEPARAM:
            return Modifier(kind, value, parameters=parse_parameters(value))
        case Kind.CSP:
            return Modifier(kind, value, policy=security_policy(value))
        case Kind.PERMISSIONS:
            return Modifier(kind, value, policy=permissions_policy(value))
        case Kind.HEADER:
            return Modifier(kind, value, field=parse_field(value))
