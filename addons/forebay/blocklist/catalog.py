"""Which lists there are: ``lists.yaml`` of the rules that ship, changed by the user's own.

Importing this imports pydantic (see `forebay.schema`): import it late.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from forebay import rulefile, schema
from forebay.blocklist.expiry import span_s
from forebay.errors import RuleError
from forebay.schema import checked

FILE = "lists.yaml"
DEFAULT_GROUP = "default"
LONGEST_GROUP = 100
LONGEST_URL = 2000

# A leading dot would hide the file, a leading hyphen make the name an option.
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}").fullmatch
_URL = re.compile(
    r"(https?)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?(?:[/?][!-~]*)?", re.IGNORECASE
).fullmatch
_USER = re.compile(r"[^/?#]*//[^/?#]*@").match


@dataclass(frozen=True, slots=True)
class ListEntry:
    """A list: its rules are at *url*, or in *file*.

    Args:
        name: names the copy of a download, and the list in verdicts.
        group: what policies switch on and off.
        enabled: whether it is used where no policy says otherwise.
        trusted: whether its exceptions and ``badfilter`` rules may undo the user's own blocks.
        url: from where it is downloaded.
        file: where it lies, if it is not downloaded.
        expires_s: how long a download is good for, else the list says so itself.
        path: the ``lists.yaml`` that said the last word about it.
        line: the line in that, from 1.
    """

    name: str
    group: str
    enabled: bool
    trusted: bool
    url: str | None
    file: Path | None
    expires_s: int | None
    path: Path
    line: int


def list_url(text: str) -> str:
    """Return *text*, a URL from which a list may be downloaded.

    Raises:
        RuleError: when it is no https URL, nor one of http to this machine, or names a user.
    """
    if _USER(text):  # not shown: it may hold a password
        raise RuleError("expected a URL without user and password, found one with an @")
    found = _URL(text)
    if not found or int(found[3] or "0") > 65535 or len(text) > LONGEST_URL:
        raise RuleError(
            "expected a URL such as https://lists.example/ads.txt, in ASCII, "
            f"found {text[:100]!r:.70}"
        )
    if found[1].lower() == "http" and not _is_loopback(found[2]):
        raise RuleError(
            "expected https, as what comes over http may have been changed on its way "
            f"(http only to localhost, 127.0.0.1 and [::1]), found {text[:100]!r:.70}"
        )
    return text


def is_local(url: str) -> bool:
    """Return whether *url* is one to this machine.

    >>> is_local("http://[::1]:8000/x"), is_local("https://lists.example/x")
    (True, False)
    """
    found = _URL(url)
    return found is not None and _is_loopback(found[2])


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _name(text: str) -> str:
    if not _NAME(text):
        raise ValueError(
            "expected at most 64 of a-z, 0-9, dot, hyphen and underline, beginning with a letter "
            f"or digit, found {text[:100]!r:.70}"
        )
    return text


def _group(text: str) -> str:
    if not (text.isprintable() and text.strip() == text and 0 < len(text) <= LONGEST_GROUP):
        raise ValueError(
            f"expected one line of at most {LONGEST_GROUP} characters, found {text[:100]!r:.70}"
        )
    return text


def _file(text: str) -> str:
    try:
        Path(text).expanduser()
    except RuntimeError:
        raise ValueError(
            f"expected a path, found {text[:100]!r:.70}: no such home folder"
        ) from None
    if not text or "\0" in text:
        raise ValueError(f"expected a path, found {text[:100]!r:.70}")
    return text


class ListSection(schema.Section):
    """One item of ``lists``; *known* are the names that need no source, as they have one."""

    known: ClassVar[frozenset[str]] = frozenset()

    name: Annotated[str, AfterValidator(_name)]
    url: Annotated[str, checked(list_url)] | None = None
    file: Annotated[Annotated[str, AfterValidator(_file)] | None, Field(validate_default=True)] = (
        None
    )
    group: Annotated[str, AfterValidator(_group)] | None = None
    enabled: bool | None = None
    trust: bool | None = None
    expires: Annotated[str, checked(span_s)] | None = None

    @field_validator("name")
    @classmethod
    def _is_own(cls, found: str, info: ValidationInfo) -> str:
        assert info.context is not None
        names = info.context.setdefault("names", set())
        if found in names:
            raise ValueError(
                f"expected a name of its own, found {found!r}, that of an earlier list"
            )
        names.add(found)
        return found

    @field_validator("file")
    @classmethod
    def _is_one_source(cls, file: str | None, info: ValidationInfo) -> str | None:
        # A key that is wrong itself is absent here, and reported already.
        name, url = info.data.get("name"), info.data.get("url", "")
        if file is not None and url is not None:
            raise ValueError("expected either url or file, found both")
        if file is None and url is None and name is not None and name not in cls.known:
            raise ValueError(f"expected url or file, found neither, and no {name!r} that ships")
        return file

    def entry(self, below: ListEntry | None, path: Path, line: int) -> ListEntry:
        """Return it, with what it does not say taken from *below*."""
        url = self.url
        file = path.parent / Path(self.file).expanduser() if self.file else None
        # Whom to trust was said of the source, and does not go over to another.
        trusted = file is not None
        if below and url is None and file is None:
            url, file, trusted = below.url, below.file, below.trusted
        return ListEntry(
            name=self.name,
            group=self.group or (below.group if below else DEFAULT_GROUP),
            enabled=(below.enabled if below else True) if self.enabled is None else self.enabled,
            trusted=trusted if self.trust is None else self.trust,
            url=url,
            file=file,
            expires_s=span_s(self.expires) if self.expires else below.expires_s if below else None,
            path=path,
            line=line,
        )


class ListsFile(schema.Section):
    """The whole file."""

    lists: list[ListSection] = []


def parse(text: str, path: Path, below: Iterable[ListEntry] = ()) -> tuple[ListEntry, ...]:
    """Return *below* as changed and extended by *text*; *path* is only named in the entries.

    A section with the name of one below changes the keys that it gives; others
    come after those below, in their order.

    Raises:
        RuleErrors: with all that is wrong.
    """
    found = {entry.name: entry for entry in below}

    class KnownSection(ListSection):
        known = frozenset(found)

    class KnownFile(ListsFile):
        lists: list[KnownSection] = []  # type: ignore[assignment]

    document = schema.parse(text, path, KnownFile)
    for i, section in enumerate(document.model.lists):
        entry = section.entry(found.get(section.name), path, document.line("lists", i))
        found[section.name] = entry
    return tuple(found.values())


def load(shipped: Path, user: Path) -> tuple[ListEntry, ...]:
    """Return the lists of the folders of rules *shipped* and *user*; either file may be absent.

    Raises:
        ForebayError: when a file cannot be read.
        RuleErrors: with all that is wrong in one.
    """
    return read(user / FILE, read(shipped / FILE))


def read(path: Path, below: tuple[ListEntry, ...] = ()) -> tuple[ListEntry, ...]:
    """Return *below* as changed and extended by the file *path*, which may be absent.

    Raises:
        ForebayError: when it cannot be read.
        RuleErrors: with all that is wrong in it.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return below
    except OSError:
        pass  # what hinders reading it is for the reader to say
    return parse(rulefile.read(path), path, below)
