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

from forebay.errors import ForebayError, RuleError
from forebay.rewrite import charlesrules, plainxml
from forebay.rewrite.charleslocation import Location, location_of, matches_of
from forebay.rewrite.importer import Imported, Section, plain
from forebay.rewrite.plainxml import Element

_TOOLS = {
    "rewriteSet-array": "Rewrite", "rewriteSet": "Rewrite", "rewrite": "Rewrite",
    "map": "Map Remote", "mapLocal": "Map Local", "blacklist": "Block List",
}  # fmt: skip
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
    locations = list(_locations(found, given, what, world))
    matches = matches_of(locations)
    # Rules of ours look at what those before them left, so a rule that moves a
    # request would keep it from the others of its set.
    for element in sorted(given.all_below("rewriteRule"), key=charlesrules.moves):
        place, kind = world.place(element), charlesrules.name_of(element)
        try:
            if element.text_of("active") == "false":
                raise RuleError(_OFF)
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
    if not (to.host or to.path or to.port or to.scheme or to.query):
        raise RuleError("destLocation: expected where it leads, found nothing")
    match = source.match()
    scheme = to.scheme or "{url.scheme}"
    # A port that is not named is that of the protocol that is.
    port = to.port or ("" if to.scheme else ":{url.port}" if to.host else "")
    if to.host or to.port or to.scheme:
        host = plain(to.host) or "{url.host}"
        start = f"{scheme}://{host}" + (port if port.startswith(":") else f":{port}" * bool(port))
    else:
        start = ""
    path = "{url.path}"
    if to.path:
        to_path = to.path if to.path.startswith("/") else f"/{to.path}"
        path = plain(to_path)
        if source.path.endswith("*"):
            # What the * stands for goes on to where it leads.
            prefix = source.path[:-1]
            if "*" in prefix:
                raise RuleError("sourceLocation: a path with more than one *")
            match["path"] = f"regex:^{re.escape(prefix)}(.*)"
            path += "{re.1}"
    query = plain(f"?{to.query}") if to.query else "{url.search}"
    return {**({"match": match} if match else {}), "request": {"url": start + path + query}}


def _local(given: Element, source: Location, is_folder: Callable[[str], bool]) -> Section:
    dest = given.text_of("dest")
    if not dest:
        raise RuleError("dest: expected the path of a file or a folder, found nothing")
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
