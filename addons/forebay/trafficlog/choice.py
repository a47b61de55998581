"""The options that choose what is recorded: which exchanges, and which of their bodies."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mitmproxy import ctx
from mitmproxy.addonmanager import Loader

from forebay import settings
from forebay.errors import ForebayError, RuleError
from forebay.proxycore import filters
from forebay.rewrite.patterns import media_type
from forebay.trafficlog.capture import Wish
from forebay.trafficlog.sampling import Sampling, parse

OPTIONS = frozenset(
    {
        "trafficlog_filter",
        "trafficlog_sample",
        "trafficlog_bodies",
        "trafficlog_bodies_filter",
        "trafficlog_bodies_sample",
        "trafficlog_body_bytes",
    }
)


def declare(loader: Loader) -> None:
    """Declare the options."""
    loader.add_option(
        "trafficlog_filter",
        str,
        "",
        "Record only HTTP exchanges that match this flow filter, and all that were blocked or "
        "failed. Empty: all.",
    )
    loader.add_option(
        "trafficlog_sample",
        Sequence[str],
        [],
        "Record a share of the exchanges only: a rate such as 0.1, or one for a status, a kind, "
        "hit, blocked or failed, such as 2xx=0.01. Blocked and failed ones are all recorded "
        "unless named.",
    )
    loader.add_option(
        "trafficlog_bodies",
        Sequence[str],
        [],
        "Media types whose bodies are recorded, such as application/json or text/*; redacted.",
    )
    loader.add_option(
        "trafficlog_bodies_filter",
        str,
        "",
        "Record bodies of exchanges only that match this flow filter, such as '~c 5'.",
    )
    loader.add_option(
        "trafficlog_bodies_sample", str, "1", "Record the bodies of this share of the exchanges."
    )
    loader.add_option(
        "trafficlog_body_bytes", str, "64k", "How much of each body is recorded at most."
    )


def records() -> tuple[Callable[[object], bool] | None, Sampling]:
    """Return which exchanges are recorded, and which share of them.

    Raises:
        ForebayError: when an option is wrong.
    """
    try:
        sampling = parse(ctx.options.trafficlog_sample)
    except RuleError as error:
        raise ForebayError(f"trafficlog_sample: {error.message}") from None
    return _filter("trafficlog_filter"), sampling


def bodies() -> Wish:
    """Return which bodies are recorded.

    Raises:
        ForebayError: when an option is wrong.
    """
    try:
        types = tuple(map(media_type, ctx.options.trafficlog_bodies))
    except RuleError as error:
        raise ForebayError(f"trafficlog_bodies: {error.message}") from None
    try:
        rate = parse([ctx.options.trafficlog_bodies_sample])
    except RuleError:
        rate = None
    if rate is None or rate.rates:
        raise ForebayError(
            "trafficlog_bodies_sample: expected a rate from 0 to 1, found "
            f"{ctx.options.trafficlog_bodies_sample!r}"
        )
    limit_bytes = settings.size_bytes("trafficlog_body_bytes")
    return Wish(types, limit_bytes, rate.otherwise, _filter("trafficlog_bodies_filter"))


def _filter(option: str) -> Callable[[object], bool] | None:
    text = getattr(ctx.options, option)
    if not text:
        return None
    try:
        return filters.compiled(text)
    except ValueError as error:
        raise ForebayError(f"{option}: {error}") from None
