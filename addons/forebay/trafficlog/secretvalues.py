"""Secrets that their look tells, whatever they are called: tokens, keys, cards.

Pure.  The shapes are those that the issuers document, or that their secret
scanners publish: RFC 7519 for JWT, RFC 7468 for keys, ISO/IEC 7812 for cards.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

_LONG_WORD = re.compile(r"[A-Za-z0-9_.-]{16}").search
# What lies on the border of two pieces is seen in both if it is no longer than this.
_OVERLAP_CHARS = 512


@lru_cache(maxsize=256)
def _compiled(pattern: str | re.Pattern[str]) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII) if isinstance(pattern, str) else pattern


@dataclass(frozen=True, slots=True)
class Shape:
    """What one kind of secret looks like.

    Attributes:
        name: what it is called in reports.
        hints: texts of which one stands in each such secret, as looking for
            them is faster than for the pattern; none: nothing is known.
        has_word: whether there is a word as long as `_LONG_WORD` in each.
        pattern: the secret; where it has a group, the first one.  A text is
            compiled when it is needed first, as most never are.
        is_valid: says of a match whether it is one.
        limit_chars: so much of a text is searched at once; what is longer is
            searched piece by piece.
    """

    name: str
    hints: tuple[str, ...]
    pattern: str | re.Pattern[str]
    is_valid: Callable[[str], bool] = lambda _: True
    limit_chars: int = sys.maxsize
    has_word: bool = False

    def finds(self, text: str) -> Iterator[Found]:
        """Yield each secret of this kind in *text*."""
        step = max(self.limit_chars - _OVERLAP_CHARS, 1)
        for start in range(0, max(len(text), 1), step):
            for match in _compiled(self.pattern).finditer(text, start, start + self.limit_chars):
                group = 1 if match.re.groups and match[1] is not None else 0
                if match.end(group) > match.start(group) and self.is_valid(match[group]):
                    yield Found(match.start(group), match.end(group), self.name)
            if start + self.limit_chars >= len(text):
                return


@dataclass(frozen=True, slots=True)
class Found:
    """A secret at *start* up to *end*, and what it is."""

    start: int
    end: int
    name: str


def _shape(name: str, hints: str, pattern: str, *, has_word: bool = True) -> Shape:
    return Shape(name, tuple(hints.split()), pattern, has_word=has_word)


# Not in the middle of a longer word, which may be anything.
_ = r"(?<![A-Za-z0-9_])"

TOKENS = (
    _shape("jwt", "eyJ", _ + r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*"),
    _shape("github", "ghp_ gho_ ghu_ ghs_ ghr_", _ + r"gh[pousr]_[A-Za-z0-9]{36,255}"),
    _shape("github", "github_pat_", _ + r"github_pat_[A-Za-z0-9_]{22,255}"),
    _shape(
        "gitlab", "glpat- glptt- gldt- glrt- glcbt-", _ + r"gl(?:pat|ptt|dt|rt|cbt)-[\w.-]{20,300}"
    ),
    _shape("aws", "AKIA ASIA", _ + r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _shape("google", "AIza", _ + r"AIza[A-Za-z0-9_-]{35}"),
    _shape("google", "ya29.", _ + r"ya29\.[A-Za-z0-9_-]{20,}"),
    _shape("google", "GOCSPX-", _ + r"GOCSPX-[A-Za-z0-9_-]{20,}"),
    _shape("slack", "xox", _ + r"xox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,300}"),
    _shape("slack", "xapp-", _ + r"xapp-[0-9]-[A-Za-z0-9-]{20,300}"),
    _shape(
        "slack",
        "hooks.slack.com",
        r"hooks\.slack\.com/(?:services|workflows)/([A-Za-z0-9/+]{20,})",
        has_word=False,
    ),
    _shape(
        "stripe",
        "sk_live_ sk_test_ rk_live_ rk_test_",
        _ + r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,255}",
    ),
    _shape("stripe", "whsec_", _ + r"whsec_[A-Za-z0-9+/=]{20,}"),
    _shape("openai", "sk-", _ + r"sk-(?:proj-|svcacct-|admin-|ant-)?[A-Za-z0-9_-]{20,300}"),
    _shape("npm", "npm_", _ + r"npm_[A-Za-z0-9]{36}"),
    _shape("pypi", "pypi-", _ + r"pypi-[A-Za-z0-9_-]{50,}"),
    _shape("sendgrid", "SG.", _ + r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    _shape("hugging face", "hf_", _ + r"hf_[A-Za-z0-9]{30,}"),
    _shape("digitalocean", "do_v1_", _ + r"do[oprt]_v1_[a-f0-9]{64}"),
    _shape("docker", "dckr_", _ + r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}"),
    _shape("vault", "hvs. hvb.", _ + r"hv[sb]\.[A-Za-z0-9_-]{24,}"),
    _shape("shopify", "shpat_ shpca_ shppa_ shpss_", _ + r"shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}"),
    _shape("telegram", ":AA", r"(?<![0-9])[0-9]{8,10}:AA[A-Za-z0-9_-]{33}"),
    _shape(
        "private key",
        "PRIVATE",
        r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----((?:(?!-----END)[^\0])*)",
        has_word=False,
    ),
)


def _is_card(text: str) -> bool:
    """Return whether *text* is a card's number: an issuer that exists, and the check digit."""
    digits = [ord(c) - 48 for c in text if c.isdecimal()]
    if digits[0] not in (2, 3, 4, 5, 6) or len(set(digits)) == 1:
        return False
    doubled = sum(2 * d - 9 * (d > 4) for d in digits[-2::-2])
    return (doubled + sum(digits[-1::-2])) % 10 == 0


# A fraction, a longer number or a name with digits is none.  The first digit
# comes first, as looking for one is faster than looking back everywhere.
CARDS = Shape(
    "card number",
    (),
    re.compile(
        r"[2-6](?<![\w.-][0-9])[0-9]{3}"
        r"(?:(?:[ -]?[0-9]{4}){2}[ -]?[0-9]{1,7}|[ -]?[0-9]{6}[ -]?[0-9]{4,5})(?![\w.]|-[0-9])",
        re.ASCII,
    ),
    _is_card,
)
EMAILS = Shape(
    "e-mail",
    ("@", "%40"),
    re.compile(
        r"(?<![\w.+-])[\w.+-]{1,64}(?:@|%40)(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])",
        re.ASCII,
    ),
)


class Looks:
    """Finds what looks like a secret.

    Args:
        shapes: what is looked for.
    """

    def __init__(self, shapes: Iterable[Shape]) -> None:
        self.shapes = tuple(shapes)
        self._other_hints = tuple(
            hint for shape in self.shapes if not shape.has_word for hint in shape.hints
        )
        self._unhinted = tuple(shape for shape in self.shapes if not shape.hints)
        # By a character of theirs that most words lack: one look for that spares many.
        marked: dict[str, list[str]] = {}
        worded = (shape for shape in self.shapes if shape.has_word)
        for hint in dict.fromkeys(hint for shape in worded for hint in shape.hints):
            mark = next((mark for mark in "_-." if mark in hint), hint)
            marked.setdefault(mark, []).append(hint)
        self._marked = tuple((mark, tuple(hints)) for mark, hints in marked.items())

    def found(self, text: str) -> Iterator[Found]:
        """Yield each secret in *text*; they may overlap."""
        if self._may_hold(text):
            for shape in self.shapes:
                if not shape.hints or any(hint in text for hint in shape.hints):
                    yield from shape.finds(text)

    def _may_hold(self, text: str) -> bool:
        """Return whether it is worth a closer look; written for speed, as most texts are not."""
        for shape in self._unhinted:
            if len(text) > shape.limit_chars or _compiled(shape.pattern).search(text):
                return True
        for hint in self._other_hints:
            if hint in text:
                return True
        if _LONG_WORD(text):
            for mark, hints in self._marked:
                if mark in text:
                    for hint in hints:
                        if hint in text:
                            return True
        return False

    def replaced(self, text: str, mask: Callable[[str], str]) -> str:
        """Return *text* with each secret replaced by what *mask* returns for it."""
        if not self._may_hold(text):
            return text
        found = sorted(self.found(text), key=lambda each: (each.start, -each.end))
        if not found:
            return text
        parts: list[str] = []
        at = 0
        for each in found:
            if each.end <= at:
                continue
            start = max(each.start, at)
            parts += text[at:start], mask(text[start : each.end])
            at = each.end
        return "".join(parts) + text[at:]
