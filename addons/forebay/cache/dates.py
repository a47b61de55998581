"""HTTP-date, strictly (RFC 9110 §5.6.7).

``email.utils`` accepts time zones, two-digit years, missing parts and more,
each of which would make a response fresh that its origin did not call so.
Only letter case is forgiven.  The day's name must be one, but is not compared
with the date: nothing asks a recipient to, and wrong ones are in use.
"""

from __future__ import annotations

import re
from datetime import date

_MONTHS = {
    name: number
    for number, name in enumerate(
        b"jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1
    )
}
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_LONGEST = len(b"Wednesday, 09-Nov-94 08:49:37 GMT")
_DAY3 = rb"(?:mon|tue|wed|thu|fri|sat|sun)"
_MONTH = rb"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_TIME = rb"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        # IMF-fixdate: Sun, 06 Nov 1994 08:49:37 GMT
        _DAY3 + rb", (?P<day>[0-9]{2}) " + _MONTH + rb" (?P<year>[0-9]{4}) " + _TIME + rb" GMT",
        # rfc850-date: Sunday, 06-Nov-94 08:49:37 GMT
        rb"(?:mon|tues|wednes|thurs|fri|satur|sun)day, (?P<day>[0-9]{2})-"
        + (_MONTH + rb"-(?P<year>[0-9]{2}) " + _TIME + rb" GMT"),
        # asctime-date: Sun Nov  6 08:49:37 1994
        _DAY3 + rb" " + _MONTH + rb" (?P<day>[0-9]{2}| [0-9]) " + _TIME + rb" (?P<year>[0-9]{4})",
    )
)


def parse(value: bytes, now_s: float) -> int | None:
    """Return the POSIX time of an HTTP-date in seconds, or None when it is none.

    *now_s* settles the century of the rfc850 form: a year that seems more than
    50 years ahead is the last past one with these digits.

    >>> parse(b"Sun, 06 Nov 1994 08:49:37 GMT", 0)
    784111777
    >>> parse(b"Sun, 06 Nov 1994 08:49:37 UTC", 0) is None
    True
    """
    if len(value) > _LONGEST:
        return None
    for form in _FORMS:
        found = form.fullmatch(value)
        if found is not None:
            break
    else:
        return None
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"])
    if hour > 23 or minute > 59 or second > 60:  # 60 is a leap second
        return None
    year = int(found["year"])
    if len(found["year"]) == 2:
        year = _with_century(year, now_s)
    try:
        day = date(year, _MONTHS[found["month"].lower()], int(found["day"])).toordinal()
    except ValueError:  # no such day
        return None
    return (day - _EPOCH_DAY) * 86400 + hour * 3600 + minute * 60 + second


def _with_century(two_digits: int, now_s: float) -> int:
    this_year = 1970 + int(now_s // 31_556_952)  # to within hours of the turn of the year
    year = this_year - this_year % 100 + two_digits
    if year > this_year + 50:
        return year - 100
    return year + 100 if year <= this_year - 50 else year
