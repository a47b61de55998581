"""What a user can mend: each error says what was expected, what was found, and where."""

from __future__ import annotations

from pathlib import Path


class ForebayError(Exception):
    """A mistake that the user can mend; its text is one line."""


class RuleError(ForebayError):
    """A rule that cannot be used.

    Args:
        message: what was expected and what was found, in one line.
        path: the file, once it is known.
        line: the line in it, from 1, once it is known.
        column: where in that line it begins, from 1, where that is known.

    >>> str(RuleError("expected a host, found ''").at(Path("ads.txt"), 3))
    "ads.txt:3: expected a host, found ''"
    """

    def __init__(
        self,
        message: str,
        path: Path | None = None,
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.line = line
        self.column = column

    def __str__(self) -> str:
        place = "" if self.path is None else str(self.path)
        if self.line is not None:
            place += f":{self.line}"
            if self.column is not None:
                place += f":{self.column}"
        return f"{place}: {self.message}" if place else self.message

    def at(self, path: Path, line: int | None = None) -> RuleError:
        """Return the same error with its place."""
        if line is None:
            return RuleError(self.message, path, self.line, self.column)
        return RuleError(self.message, path, line)


class RuleErrors(ForebayError):  # noqa: N818  (several, each with its place)
    """All that is wrong with one file; *errors* is never empty."""

    def __init__(self, errors: list[RuleError]) -> None:
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = errors
