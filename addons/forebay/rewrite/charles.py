"""What tools of Charles have exported to rules, as far as they can be carried over.

Rewrite, Map Local, Map Remote and Block List write XML with a root element of
their own; a location is a protocol, a host, a port, a path and a query, each of
which may be blank, and have ``*`` (https://www.charlesproxy.com/documentation/).

Pure: no mitmproxy, no clock, no files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import PurePath

from forebay.errors import ForebayError, RuleError
from forebay.rewrite import charlesrules, plainxml
from forebay.rewrite.charleslocation import Location, location_of, matches_of
from forebay.rewrite.importer import Imported, Section, plain
from forebay.rewrite.plainxml import Element

_TOOLS = {
    "rewriteSet-array": "Rewrite", "rewriteSet": "Rewrite", "rewrite": "Rewrite",
    "map": "Map Remote", "mapLocal": "Map Local", "blacklist": "Block List",
}  # fmt: skip
_HOST = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", re.ASCII).fullmatch
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII).fullmatch
_OFF = "switched off in Charles"


@dataclass(frozen=True, slots=True)
class _Surroundings:
    name: str
    is_folder: Callable[[str], bool]
    check: Callable[[Section], object]

    def place(self, element: Element) -> str:
        return f"{self.name}:{element.line}"


def imported_charles(
    data: bytes,
    name: str,
    *,
    is_folder: Callable[[str], bool],
    check: Callable[[Section], object],
) -> Imported:
    """Return the rules for what the XML *data*, a file called *name*, says.

    Args:
        data: of one tool, or of several in one document.
        name: only named, with the line of each rule.
        is_folder: whether there is a folder at a path.
        check: raises a ForebayError for what is no rule.

    Raises:
        ForebayError: when it is no such XML.
    """
    root = plainxml.parse(data, name)
    tools = [root] if root.name in _TOOLS else [t for key in _TOOLS for t in root.all_below(key)]
    if not tools:
        raise ForebayError(
            f"{name}:{root.line}: expected what Rewrite, Map Local, Map Remote or Block List of "
            f"Charles exports, found <{root.name:.40}>"
        )
    found = Imported()
    world = _Surroundings(name, is_folder, check)
    for tool in sorted(tools, key=lambda each: each.line):
        if tool.text_of("toolEnabled") == "false":
            found.left.append(f"{world.place(tool)}: {_TOOLS[tool.name]}: {_OFF}")
            continue
        match tool.name:
            case "map" | "mapLocal":
                kind = "mapMapping" if tool.name == "map" else "mapLocalMapping"
                for element in tool.all_below(kind):
                    _add_mapping(found, element, _TOOLS[tool.name], world)
            case "blacklist":
                _add_blocks(found, tool, world)
            case "rewriteSet":
                _add_set(found, tool, world)
            case _:
                for element in tool.all_below("rewriteSet"):
                    _add_set(found, element, world)
    return found


def _add_set(found: Imported, given: Element, world: _Surroundings) -> None:
    what = f"Rewrite, {given.text_of('name')!r:.70}"
    if given.text_of("active") == "false":
        found.left.append(f"{world.place(given)}: {what}: {_OFF}")
        return
    try:
        matches = matches_of(_locations(found, given, what, world))
    except RuleError as error:
        found.left.append(f"{world.place(given)}: {what}: {error.message}")
        return
    rules: list[Element] = []
    for element in given.all_below("rewriteRule"):
        if element.text_of("active") == "false":
            kind = charlesrules.name_of(element)
            found.left.append(f"{world.place(element)}: {what}, {kind}: {_OFF}")
        else:
            rules.append(element)
    # Rules of ours look at what those before them left, so one that moves a
    # request keeps it from those behind it, and from those of its response.
    moving = charlesrules.moving(rules, [match for match, _ in matches])
    movers = [each for each, is_moving in zip(rules, moving, strict=True) if is_moving]
    first = movers[0] if movers else None
    for element, is_moving in sorted(zip(rules, moving, strict=True), key=lambda pair: pair[1]):
        place, kind = world.place(element), charlesrules.name_of(element)
        try:
            is_behind = is_moving or charlesrules.is_of_response(element)
            if first is not None and element is not first and is_behind:
                raise RuleError(
                    f"behind {charlesrules.name_of(first)} ({world.place(first)}) its location "
                    "may hold no longer; write it for where that leads"
                )
            if not matches:
                raise RuleError("its set has no location that could be carried over")
            made = []
            for match, unless in matches:
                rule = charlesrules.rule_of(element, deepcopy(match))
                made += [_with_unless(each, deepcopy(unless)) for each in rule]
            for rule_ in made:
                world.check(rule_)
        except ForebayError as error:
            found.left.append(f"{place}: {what}, {kind}: {_reason(error)}")
            continue
        found.rules += made
        found.notes += [f"{place}: {what}, {kind}"] * len(made)


def _with_unless(rule: Section, unless: list[Section]) -> Section:
    unless += rule.pop("unless", [])
    match = {"match": rule.pop("match")} if rule.get("match") else {}
    rule.pop("match", None)
    return {**match, **({"unless": unless} if unless else {}), **rule}


def _locations(
    found: Imported, given: Element, what: str, world: _Surroundings
) -> Iterator[Location]:
    """Yield the locations of *given* that are on; those that cannot be said are listed."""
    for element in given.all_below("locationMatch"):
        if element.text_of("enabled") == "false":
            continue
        try:
            yield location_of(element.child("location"))
        except RuleError as error:
            found.left.append(f"{world.place(element)}: {what}, location: {error.message}")


def _add_blocks(found: Imported, given: Element, world: _Surroundings) -> None:
    answer = {"status": 403, "headers": {"Cache-Control": "no-store"}}
    for element in given.all_below("locationMatch"):
        place = world.place(element)
        try:
            if element.text_of("enabled") == "false":
                raise RuleError(_OFF)
            match = location_of(element.child("location")).match()
            rule: Section = {"match": match} if match else {}
            rule["request"] = {"answer": deepcopy(answer)}
            world.check(rule)
        except ForebayError as error:
            found.left.append(f"{place}: Block List: {_reason(error)}")
            continue
        found.rules.append(rule)
        found.notes.append(f"{place}: Block List")


def _add_mapping(found: Imported, given: Element, what: str, world: _Surroundings) -> None:
    place = world.place(given)
    try:
        if given.text_of("enabled") == "false":
            raise RuleError(_OFF)
        source = location_of(given.child("sourceLocation"))
        if what == "Map Remote":
            rule = _remote(given, source)
        else:
            rule = _local(given, source, world.is_folder)
        world.check(rule)
    except ForebayError as error:
        found.left.append(f"{place}: {what}: {_reason(error)}")
        return
    found.rules.append(rule)
    found.notes.append(f"{place}: {what}")


def _remote(given: Element, source: Location) -> Section:
    if given.text_of("preserveHostHeader") == "true":
        raise RuleError("preserveHostHeader: the Host field agrees with the URL here")
    where = given.child("destLocation")
    to = Location() if where is None else Location.read(where)
    if "*" in f"{to.host}{to.path}{to.query}{to.port}" or "?" in f"{to.host}{to.path}":
        raise RuleError("destLocation: expected no * or ? in it")
    for name, text, is_right in (
        ("protocol", to.scheme, to.scheme in ("http", "https")),
        ("host", to.host, _HOST(to.host)),
        ("port", to.port, _PORT(to.port)),
    ):
        if text and not is_right:
            raise RuleError(f"destLocation: expected a {name}, found {text!r:.70}")
    if not (to.host or to.path or to.port or to.scheme or to.query):
        raise RuleError("destLocation: expected where it leads, found nothing")
    match = source.match()
    given_path = _path_of(given.child("sourceLocation"))
    scheme = to.scheme or "{url.scheme}"
    # A port that is not named is that of the protocol that is.
    port = f":{to.port}" if to.port else "" if to.scheme or not to.host else ":{url.port}"
    if to.host or to.port or to.scheme:
        start = f"{scheme}://{to.host or '{url.host}'}{port}"
    else:
        start = ""
    path = "{url.path}"
    if to.path:
        to_path = to.path if to.path.startswith("/") else f"/{to.path}"
        path = plain(to_path)
        if not given_path:
            raise RuleError("destLocation: one path for any; write * behind that of sourceLocation")
        if given_path.endswith("*"):
            # What the * stands for goes on to where it leads.
            prefix = given_path[:-1] or "/"
            if "*" in prefix:
                raise RuleError("sourceLocation: a path with more than one *")
            prefix = prefix if prefix.startswith("/") else f"/{prefix}"
            match["path"] = f"regex:^{re.escape(prefix)}(.*)"
            path += "{re.1}"
    query = plain(f"?{to.query}") if to.query else "{url.search}"
    return {**({"match": match} if match else {}), "request": {"url": start + path + query}}


def _path_of(location: Element | None) -> str:
    """Return its path as it was written: one that is blank maps otherwise than one of all."""
    return "" if location is None else location.text_of("path").strip()


def _local(given: Element, source: Location, is_folder: Callable[[str], bool]) -> Section:
    dest = given.text_of("dest")
    if not dest:
        raise RuleError("dest: expected the path of a file or a folder, found nothing")
    if not (PurePath(dest).is_absolute() or dest.startswith("~")):
        raise RuleError(f"dest: expected an absolute path of this machine, found {dest!r:.70}")
    if given.text_of("caseSensitive") == "false" and source.path.strip("/*"):
        raise RuleError("caseSensitive: paths are case-sensitive here; write it as regex:(?i)")
    match = source.match()
    if not is_folder(dest):
        return {
            **({"match": match} if match else {}),
            "request": {"answer": {"file": dest}},
        }
    prefix = source.path.removesuffix("*") or "/"
    if "*" in prefix or not prefix.startswith("/") or not prefix.endswith("/"):
        raise RuleError(f"a folder for a path other than one such as /a/*, found {source.path!r}")
    answer = {"folder": dest, "below": prefix, "missing": "pass"}
    if source.path.endswith("/"):
        raise RuleError(f"a folder for the one path {source.path}; write {source.path}* for all")
    return {**({"match": match} if match else {}), "request": {"answer": answer}}


def _reason(error: ForebayError) -> str:
    return error.message if isinstance(error, RuleError) else str(error)
