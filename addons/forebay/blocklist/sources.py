"""Where rules are: lists that ship, those of ``lists.yaml``, the user's own; and the policies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from forebay.blocklist import load, reading
from forebay.blocklist.policies import Policies, Policy
from forebay.errors import RuleError

if TYPE_CHECKING:
    from forebay.blocklist.catalog import ListEntry

FOLDER = "blocklists"
POLICIES = "policies.yaml"
LISTS = "lists.yaml"


@dataclass(frozen=True, slots=True)
class Sources:
    """All files that the rules come from, and what the YAML files among them say.

    Args:
        lists: the lists to read, in the order in which verdicts name them.
        policies: the policies.
        files: the YAML files.
        speaking: those of them that say anything.
        watched: the folders and files whose changes count.
    """

    lists: tuple[reading.ListFile, ...]
    policies: Policies
    files: tuple[Path, ...]
    speaking: frozenset[Path]
    watched: list[Path]

    def stamp(self) -> reading.Stamp:
        """Return what tells one state of the files from another, without reading them."""
        return reading.stamp((*(each.path for each in self.lists), *self.files))


def gather(*, shipped: Path, user: Path, downloads: Path, files: tuple[Path, ...] = ()) -> Sources:
    """Return where rules are.

    A list that is switched off is read all the same when a policy switches its
    group on.

    Args:
        shipped: the folder of the rules that ship.
        user: the folder of the user's own.
        downloads: the folder of what was downloaded.
        files: further lists of the user's.

    Raises:
        ForebayError: when a folder or a YAML file cannot be read, or says what it cannot.
    """
    said = {path: _policies(path) for path in (user / POLICIES, shipped / POLICIES)}
    policies = Policies.of(*said.values())
    # Imported late: it imports pydantic, which no other addon's start waits for.
    from forebay.blocklist import catalog

    below = catalog.read(shipped / LISTS)
    entries = catalog.read(user / LISTS, below)
    _know_groups(policies.policies, {entry.group for entry in entries})
    catalogued = [
        reading.ListFile(
            entry.name,
            entry.file or downloads / f"{entry.name}.txt",
            LISTS,
            entry.group,
            trusted=entry.trusted,
            enabled=entry.enabled,
            remote=entry.file is None,
        )
        for entry in _used(entries, policies)
    ]
    lists = (
        *(_in_folder(shipped, trusted=False)),
        *catalogued,
        *(_in_folder(user, trusted=True)),
        *(reading.ListFile(path.stem, path, "blocklist_files") for path in files),
    )
    yaml = tuple(folder / name for folder in (shipped, user) for name in (LISTS, POLICIES))
    return Sources(
        lists,
        policies,
        yaml,
        frozenset(
            path
            for path, found in (
                *said.items(),
                (shipped / LISTS, below),
                (user / LISTS, [entry for entry in entries if entry not in below]),
            )
            if found
        ),
        [shipped, user, downloads, *files, *(e.path for e in catalogued if not e.remote)],
    )


def used_entries(shipped: Path, user: Path) -> list[ListEntry]:
    """Return the lists of ``lists.yaml`` that are switched on, or are by a policy.

    Raises:
        ForebayError: when a YAML file cannot be read, or says what it cannot.
    """
    policies = Policies.of(_policies(user / POLICIES), _policies(shipped / POLICIES))
    from forebay.blocklist import catalog

    return _used(catalog.load(shipped, user), policies)


def _used(entries: tuple[ListEntry, ...], policies: Policies) -> list[ListEntry]:
    wanted: frozenset[str] = frozenset().union(*(policy.on for policy in policies.policies))
    return [entry for entry in entries if entry.enabled or entry.group in wanted]


def _in_folder(folder: Path, *, trusted: bool) -> list[reading.ListFile]:
    return [
        reading.ListFile(path.stem, path, trusted=trusted, in_folder=True)
        for path in load.lists_in(folder / FOLDER)
    ]


def _policies(path: Path) -> tuple[Policy, ...]:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError:
        pass  # what hinders reading it is for the reader to say
    from forebay import rulefile
    from forebay.blocklist import policyfile

    return policyfile.parse(rulefile.read(path), path)


def _know_groups(policies: tuple[Policy, ...], known: set[str]) -> None:
    for policy in policies:
        for group in sorted(policy.on | policy.off):
            if group not in known:
                # A misspelt group would switch nothing off, or on, without a word.
                raise RuleError(
                    f"policy {policy.id}: expected a group of lists.yaml "
                    f"({', '.join(sorted(known)) or 'there is none'}), "
                    f"found {group!r:.70}",
                    Path(policy.path),
                    policy.line,
                )
