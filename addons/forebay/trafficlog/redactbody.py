"""Bodies without secrets: JSON and forms by names of members, texts by what they say.

Pure.  What is no whole JSON (cut off, or none at all) is read as far as it
goes; what cannot be read at all is searched as text.
"""

from __future__ import annotations

import json
import re
from typing import Any

from forebay.mediatype import EVENTS, is_json, media_type
from forebay.trafficlog.redact import Mode, Redactor

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|"|[\[\]{},]', re.DOTALL)
_CLOSERS = {"{": "}", "[": "]"}
_ELEMENT = re.compile(r"<([\w.:-]{1,64})((?:\s[^<>]*)?)>([^<>]+)(?=</\1\s*>)")
_INPUT = re.compile(r"<(?:input|meta)\b[^<>]{0,4000}>", re.IGNORECASE)
_NAME_ATTRIBUTE = re.compile(r"\bname\s*=\s*[\"']?([\w.\[\]:-]{1,100})", re.IGNORECASE)
_VALUE_ATTRIBUTE = re.compile(r"(\b(?:value|content)\s*=\s*)[\"']([^\"'<>]*)[\"']", re.IGNORECASE)
_CODE = ("html", "javascript", "ecmascript", "css", "svg", "wasm", "typescript")
_CDATA = re.compile(r"<([\w.:-]{1,64})((?:\s[^<>]*)?)>\s*<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_BOUNDARY = re.compile(r'boundary="?([^";,]{1,200})"?', re.IGNORECASE)
_PART_NAME = re.compile(r'[;\s]name="?([^";\r\n]{0,200})', re.IGNORECASE)
# Lines of data that follow each other are one text (HTML §9.2.6).
_DATA = re.compile(r"(?:data:[^\r\n]*(?:\r\n|\r|\n|\Z))+|(?!data:)[^\r\n]+")
_FORM = "application/x-www-form-urlencoded"


def body(redactor: Redactor, text: str, content_type: str) -> str:
    """Return the *text* of a body without secrets.

    >>> body(Redactor(), '{"user": {"name": "ann", "pin": 1234}}', "application/json")
    '{"user":{"name":"ann","pin":"REDACTED"}}'
    >>> body(Redactor(), "a=1&password=x", "application/x-www-form-urlencoded")
    'a=1&password=REDACTED'
    """
    kind = media_type(content_type)
    if kind == _FORM:
        return redactor.form(text)
    if kind.startswith("multipart/") and (found := _BOUNDARY.search(content_type)):
        return _multipart(redactor, text, found[1].strip())
    if kind == EVENTS:
        return _DATA.sub(lambda found: _event(redactor, found), text)
    if is_json(kind) or text.lstrip()[:1] in ("{", "["):
        return _json(redactor, text)
    if "<" in text:
        text = _ELEMENT.sub(lambda found: _element(redactor, found), text)
        text = _CDATA.sub(lambda found: _element(redactor, found), text)
        text = _INPUT.sub(lambda found: _input(redactor, found), text)
    return redactor.prose(text, is_code=any(word in kind for word in _CODE))


def _event(redactor: Redactor, found: re.Match[str]) -> str:
    """Return the lines of an event without secrets, with its data as a body of its own."""
    lines = found[0].splitlines(keepends=True)
    data = "\n".join(line[5:].lstrip(" ").rstrip("\r\n") for line in lines)
    if found[0][:5] != "data:":
        return redactor.prose(found[0], is_code=False)
    clean = body(redactor, data, "")
    if clean == data:
        return found[0]
    end = lines[-1][len(lines[-1].rstrip("\r\n")) :]
    return "\n".join(f"data: {line}" for line in clean.split("\n")) + end


def _element(redactor: Redactor, found: re.Match[str]) -> str:
    name = found[1].rpartition(":")[2]
    if not redactor.is_secret(name):
        return found[0]
    return f"<{found[1]}{found[2]}>{redactor.mask(found[3])}"


def _input(redactor: Redactor, found: re.Match[str]) -> str:
    """Return a field of a form of a page without its value, if its name is that of a secret."""
    name = _NAME_ATTRIBUTE.search(found[0])
    if name is None or not redactor.is_secret(name[1]):
        return found[0]
    return _VALUE_ATTRIBUTE.sub(lambda value: f'{value[1]}"{redactor.mask(value[2])}"', found[0])


def _json(redactor: Redactor, text: str) -> str:
    for whole in (text, completed(text)):
        try:
            value = json.loads(whole)
            clean = _value(redactor, value)
        except (ValueError, RecursionError):
            continue
        if clean == value:
            return whole  # as it was written
        return json.dumps(clean, ensure_ascii=False, separators=(",", ":"))
    return redactor.prose(text, is_code=False)


def _value(redactor: Redactor, value: Any) -> Any:
    match value:
        case str():
            return redactor.prose(value, is_code=False)
        case dict():
            return {
                redactor.prose(name, is_code=False): _member(redactor, name, item)
                for name, item in value.items()
                if redactor.policy.mode is not Mode.DROP or not redactor.is_secret(name)
            }
        case list():
            return [_value(redactor, item) for item in value]
        case int() if not isinstance(value, bool):
            shown = str(value)  # a card's number may be one
            clean = redactor.looks.replaced(shown, redactor.mask)
            return value if clean == shown else clean
        case _:
            return value


def _member(redactor: Redactor, name: str, item: Any) -> Any:
    if not redactor.is_secret(name):
        return _value(redactor, item)
    match item:
        case None | bool() | "":
            return item  # that there is none is no secret
        case str():
            return redactor.mask(item)
        case int() | float():
            return redactor.mask(str(item))
        case _:
            return redactor.mask(json.dumps(item, sort_keys=True))


def completed(text: str) -> str:
    """Return JSON that was cut off up to the last value that is whole, and closed.

    >>> completed('{"a": [1, {"b": "x", "c": "tru')
    '{"a": [1, {"b": "x"}]}'
    """
    stack: list[str] = []
    end = 0
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in _CLOSERS:
            stack.append(_CLOSERS[mark])
            end = token.end()
        elif mark in ("]", "}"):
            if stack[-1:] != [mark]:
                break  # no JSON
            stack.pop()
            end = token.end()
        elif mark == ",":
            end = token.start()
        elif mark == '"':
            break  # its end is missing
    return text[:end] + "".join(reversed(stack))


def _multipart(redactor: Redactor, text: str, boundary: str) -> str:
    """Return the parts of a form without those whose names are secret (RFC 7578 §4.2)."""
    parts = text.split(f"--{boundary}")
    return f"--{boundary}".join([parts[0], *(_part(redactor, part) for part in parts[1:])])


def _part(redactor: Redactor, part: str) -> str:
    head, blank, content = part.partition("\r\n\r\n")
    if not blank:
        return part
    name = _PART_NAME.search(head)
    end = "\r\n" if content.endswith("\r\n") else ""
    value = content.removesuffix("\r\n")
    if name is not None and redactor.is_secret(name[1]):
        value = redactor.mask(value)
    else:
        kind = re.search(r"(?im)^content-type:[ \t]*([^\r\n]+)", head)
        value = body(redactor, value, kind[1] if kind else "text/plain")
    return head + blank + value + end
