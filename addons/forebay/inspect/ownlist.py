"""Write the user's own list of hosts: one rule a host, in place, whole or not at all."""

from __future__ import annotations

import re
from pathlib import Path

from forebay import wholefile
from forebay.blocklist.parse import parse_line
from forebay.blocklist.verdict import visible
from forebay.errors import ForebayError
from forebay.names import canonical, is_address

FILE = Path("blocklists") / "own.txt"
"""Below the user's rules, as ``forebay init`` writes it."""
_EXCEPTION = "@@"
_NO_HOST = re.compile(r"[^\w.:-]").search
_LONGEST_BYTES = 8 * 1024 * 1024


def rule_for(host: str, *, allow: bool) -> str:
    """Return the rule that is about *host* and its subdomains.

    >>> rule_for("Ads.Example.", allow=False), rule_for("ads.example", allow=True)
    ('||ads.example^', '@@||ads.example^')

    Raises:
        ForebayError: when that is no host name or address.
    """
    name = canonical(host.strip())
    rule = f"{_EXCEPTION if allow else ''}||{name}^"
    is_host = "." in name or is_address(name) or name == "localhost"
    if not is_host or _NO_HOST(name) or not _is_rule(rule):
        raise ForebayError(f"expected a host name such as ads.example, found {visible(host, 70)!r}")
    return rule


def _is_rule(text: str) -> bool:
    try:
        return parse_line(text) is not None
    except ForebayError:
        return False


def put(rules: Path, rule: str) -> tuple[str, Path, int]:
    """Have *rule* in the list, and not the one that says the opposite.

    The opposite is replaced where it stands, since an exception would win over
    a block beside it.

    Args:
        rules: the folder of the user's own rules; made if missing.
        rule: as `rule_for` returns it.

    Returns:
        What was done ("added", "there already", "in place of …"), the file, the line.

    Raises:
        ForebayError: when the file cannot be read or written.
    """
    path = rules / FILE
    try:
        if path.is_symlink():
            path = path.resolve()
        for folder in (*reversed(path.parents), path.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
        text = _read(path)
        lines = text.split("\n")
        if lines and not lines[-1]:
            lines.pop()
        said = [line.strip() for line in lines]
        opposite = rule.removeprefix(_EXCEPTION) if rule.startswith(_EXCEPTION) else f"@@{rule}"
        is_there = rule in said
        if is_there and opposite not in said:
            return "there already", path, said.index(rule) + 1
        done = "added"
        if opposite in said:
            done = f"in place of {opposite}"
            kept = [line for line in lines if line.strip() != opposite]
            if not is_there:
                kept.insert(said.index(opposite), rule)
            lines = kept
        else:
            lines.append(rule)
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
        wholefile.write(path, ("\n".join(lines) + "\n").encode(), mode=mode, durable=True)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no UTF-8"
        raise ForebayError(f"expected to write {path}, found {reason or error}") from None
    return done, path, [line.strip() for line in lines].index(rule) + 1


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            text = file.read(_LONGEST_BYTES + 1)
    except FileNotFoundError:
        return ""
    if len(text) > _LONGEST_BYTES:
        raise ForebayError(f"expected {path} of at most {_LONGEST_BYTES:,} bytes, found more")
    return text
