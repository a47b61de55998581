"""The edits of one part of a head among many: a parameter, a cookie, a CSP directive.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from forebay.rewrite import cookies, csp, query
from forebay.rewrite.edits import (
    NO_SECRETS,
    Edit,
    EditError,
    Replacement,
    check_sum,
    expanded,
    replaced,
)
from forebay.rewrite.exchange import Exchange
from forebay.rewrite.patterns import Glob
from forebay.rewrite.template import Template, Values


@dataclass(frozen=True, slots=True)
class QueryEdit:
    """Parameters of the query: removed by pattern, replaced inside, set, or set where absent."""

    remove: tuple[Glob, ...] = ()
    replaces: tuple[tuple[str, tuple[Replacement, ...]], ...] = ()
    sets: tuple[tuple[str, Template], ...] = ()
    defaults: tuple[tuple[str, Template], ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """The URL, if a parameter tells a secret."""
        told = [template for _, template in (*self.sets, *self.defaults)]
        told += [one.template for _, replacements in self.replaces for one in replacements]
        return ("url",) if any(template.tells_secrets for template in told) else ()

    def apply(self, exchange: Exchange, values: Values, *, of_response: bool) -> Exchange:
        """Return *exchange* with another query."""
        path, _, before = exchange.target.partition("?")
        edited = before
        for pattern in self.remove:
            edited = query.remove(edited, pattern)
        for name, replacements in self.replaces:
            edited = query.change(edited, name, _changing(replacements, values))
        for name, template in self.sets:
            edited = query.put(edited, name, _parameter(template, values))
        for name, template in self.defaults:
            edited = query.put(edited, name, _parameter(template, values), only_if_absent=True)
        if edited == before or path == "*":  # the form of OPTIONS that has no query
            return exchange
        return replace(exchange, target=f"{path}?{edited}" if edited else path)


def _parameter(template: Template, values: Values) -> str:
    """Return the value of a parameter; what stands in the file may have several lines."""
    return expanded(template, values) if template.constant is None else template.constant


def _changing(replacements: tuple[Replacement, ...], values: Values) -> Callable[[str], str]:
    chars = 0

    def change(text: str) -> str:
        nonlocal chars
        chars += len(text)
        check_sum(chars)
        return replaced(text, replacements, values)

    return change


@dataclass(frozen=True, slots=True)
class CookieEdit:
    """Cookies of the request: removed by pattern, replaced inside, set, or set where absent."""

    remove: tuple[Glob, ...] = ()
    replaces: tuple[tuple[str, tuple[Replacement, ...]], ...] = ()
    sets: tuple[tuple[str, Template], ...] = ()
    defaults: tuple[tuple[str, Template], ...] = ()
    secrets = NO_SECRETS  # no value of a cookie is ever told

    def apply(self, exchange: Exchange, values: Values, *, of_response: bool) -> Exchange:
        """Return *exchange* with other cookies.

        Raises:
            EditError: when a value would end its cookie.
        """
        fields = exchange.request
        for pattern in self.remove:
            fields = cookies.remove(fields, pattern)
        for name, replacements in self.replaces:
            fields = cookies.change(fields, name, _changing_cookie(name, replacements, values))
        for name, template in self.sets:
            value = _one_cookie(name, expanded(template, values))
            fields = cookies.put(fields, name, value, lower_case=exchange.lower_case)
        for name, template in self.defaults:
            value = _one_cookie(name, expanded(template, values))
            fields = cookies.put(
                fields, name, value, only_if_absent=True, lower_case=exchange.lower_case
            )
        return replace(exchange, request=fields)


def _changing_cookie(
    name: str, replacements: tuple[Replacement, ...], values: Values
) -> Callable[[str], str]:
    change = _changing(replacements, values)
    return lambda text: _one_cookie(name, change(text))


def _one_cookie(name: str, value: str) -> str:
    if ";" in value:
        raise EditError(f"a cookie {name} with a ; in its value")
    return value


@dataclass(frozen=True, slots=True)
class SetCookieEdit:
    """Cookies that the response sets: removed, set whole, or their attributes edited."""

    remove: tuple[Glob, ...] = ()
    sets: tuple[tuple[str, Template], ...] = ()
    attributes: tuple[tuple[Glob, Mapping[str, str | None]], ...] = ()
    secrets = NO_SECRETS

    def apply(self, exchange: Exchange, values: Values, *, of_response: bool) -> Exchange:
        """Return *exchange* with other cookies set.

        Raises:
            EditError: when a placeholder would add attributes.
        """
        fields = exchange.response
        for pattern in self.remove:
            fields = cookies.remove_set(fields, pattern)
        for name, template in self.sets:
            value = expanded(template, values)
            if value.count(";") != template.literal.count(";"):
                raise EditError(f"a cookie {name} with a ; from a placeholder")
            fields = cookies.put_set(fields, name, value, lower_case=exchange.lower_case)
        for pattern, attributes in self.attributes:
            fields = cookies.change_attributes(fields, pattern, attributes)
        return replace(exchange, response=fields)


@dataclass(frozen=True, slots=True)
class CspEdit:
    """Directives of the Content-Security-Policy: removed, set, or given more sources."""

    remove: tuple[str, ...] = ()
    sets: tuple[tuple[str, Template], ...] = ()
    appends: tuple[tuple[str, Template], ...] = ()

    @property
    def secrets(self) -> tuple[str, ...]:
        """The policy, if a source tells a secret."""
        told = any(template.tells_secrets for _, template in (*self.sets, *self.appends))
        return ("content-security-policy",) if told else ()

    def apply(self, exchange: Exchange, values: Values, *, of_response: bool) -> Exchange:
        """Return *exchange* with other policies.

        Raises:
            EditError: when a value would end its directive.
        """
        sets = [(name, self._sources(template, values)) for name, template in self.sets]
        appends = [(name, self._sources(template, values)) for name, template in self.appends]

        def change(policy: csp.Policy) -> csp.Policy:
            for name in self.remove:
                policy = csp.remove(policy, name)
            for name, sources in sets:
                policy = csp.put(policy, name, sources)
            for name, sources in appends:
                policy = csp.append(policy, name, sources)
            return policy

        fields = csp.edit(
            exchange.response, change, or_new=bool(sets), lower_case=exchange.lower_case
        )
        return replace(exchange, response=fields)

    def _sources(self, template: Template, values: Values) -> str:
        sources = expanded(template, values)
        if ";" in sources or "," in sources:
            raise EditError("CSP sources with ; or ,")
        return sources


def parts_of(edit: Edit) -> tuple[Edit, ...]:
    """Return the edits of which *edit* consists, in order: when one cannot be made, others can."""
    match edit:
        case QueryEdit() | CookieEdit():
            make = type(edit)
            return (
                *((make(remove=edit.remove),) if edit.remove else ()),
                *(make(replaces=(each,)) for each in edit.replaces),
                *(make(sets=(each,)) for each in edit.sets),
                *(make(defaults=(each,)) for each in edit.defaults),
            )
        case SetCookieEdit():
            return (
                *((SetCookieEdit(remove=edit.remove),) if edit.remove else ()),
                *(SetCookieEdit(sets=(each,)) for each in edit.sets),
                *((SetCookieEdit(attributes=edit.attributes),) if edit.attributes else ()),
            )
        case CspEdit():
            return (
                *((CspEdit(remove=edit.remove),) if edit.remove else ()),
                *(CspEdit(sets=(each,)) for each in edit.sets),
                *(CspEdit(appends=(each,)) for each in edit.appends),
            )
        case _:
            return (edit,)
