"""Which rules change a request or its response, once exceptions have had their say.

As uBlock Origin has it, save that exceptions may be ``important`` (as AdGuard
has it), that those for pages count (``$document``, as the blocks here have it),
and that those of downloaded lists do not undo the user's own rules.

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from forebay.blocklist.index import Index
from forebay.blocklist.modifier import Kind, Modifier
from forebay.blocklist.request import Request
from forebay.blocklist.rule import (
    LINE_BITS,
    MOST_WORK,
    Effect,
    NetworkRule,
    Rule,
    TooManyCandidatesError,
)

type Fields = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A rule that matches a request, and the exception that undoes it, if one does."""

    rule: Rule
    exception: Rule | None

    @property
    def modifier(self) -> Modifier:
        """What the rule changes."""
        found = self.rule.options.modifier
        assert found is not None
        return found


class Modifiers:
    """The rules of one kind: filled, then sealed with the others, then only asked."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.rules = Index()
        self.exceptions = Index()

    def add(self, rule: Rule, parsed: NetworkRule) -> None:
        """Add *rule*, whose text says *parsed*.

        Raises:
            RuleError: when there is no room for it.
        """
        (self.exceptions if parsed.effect is Effect.EXCEPT else self.rules).add(rule, parsed)

    def find(
        self,
        request: Request,
        active: int,
        trusted: int,
        pages: Iterable[Rule] = (),
        response: Fields | None = None,
    ) -> list[Found]:
        """Return the rules that match *request*, important ones first, each once.

        Args:
            request: the request.
            active: the bit set of the lists that count.
            trusted: that of the user's own.
            pages: exceptions for all that the page asks for.
            response: the fields of the response, for rules that are about these;
                without, all that could hold are returned.

        Raises:
            TooManyCandidatesError: when there would be too many to try.
        """
        request.work = 0  # what has been tried before had its own time
        found = list(_all(self.rules, request, active, response))
        if not found:
            return []
        saving = [rule for rule in pages if active >> (rule.place >> LINE_BITS) & 1]
        saving += _all(self.exceptions, request, active, response)
        found.sort(key=lambda rule: (not rule.options.important, rule.place))
        return [Found(rule, self._saved_by(rule, saving, trusted)) for rule in found]

    def _saved_by(self, rule: Rule, saving: list[Rule], trusted: int) -> Rule | None:
        is_own = trusted >> (rule.place >> LINE_BITS) & 1
        for exception in saving:
            if rule.options.important and not exception.options.important:
                continue
            if is_own and not trusted >> (exception.place >> LINE_BITS) & 1:
                continue
            if self._names(exception, rule):
                return exception
        return None

    def _names(self, exception: Rule, rule: Rule) -> bool:
        said, what = exception.options.modifier, rule.options.modifier
        if said is None or what is None or not said.value:
            return True
        # One that is about fields holds for this response, whatever else is said of it.
        return self.kind is Kind.HEADER or said.value == what.value


def _all(index: Index, request: Request, active: int, response: Fields | None) -> Iterator[Rule]:
    for rule in index.all(request):
        if active >> (rule.place >> LINE_BITS) & 1 and _holds(rule, request, response):
            yield rule


def _holds(rule: Rule, request: Request, response: Fields | None) -> bool:
    modifier = rule.options.modifier
    if response is None or modifier is None or modifier.field is None:
        return True
    request.work += modifier.field.work(response)
    if request.work > MOST_WORK:
        raise TooManyCandidatesError
    return modifier.field.holds(response)
