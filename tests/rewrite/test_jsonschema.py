"""The JSON Schema that ships for editors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from forebay.cli import init, rules
from forebay.rewrite import jsonschema
from forebay.rewrite.jsonschema import json_schema
from forebay.yamltree import parse

SHIPPED = Path(__file__).parents[2] / "rules"
FILE = SHIPPED / jsonschema.FILE


def found(schema, value, root, where: str = "") -> list[str]:
    """Return where *value* is not as *schema* says: as much of JSON Schema as ours uses."""
    if "$ref" in schema:
        schema = schema | root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    wrong = []
    if "anyOf" in schema and all(found(each, value, root, where) for each in schema["anyOf"]):
        wrong.append(f"{where}: none of anyOf")
    types = schema.get("type", [])
    if types and type_of(value) not in ([types] if isinstance(types, str) else types):
        wrong.append(f"{where}: {type_of(value)}")
    if value not in schema.get("enum", [value]) or value != schema.get("const", value):
        wrong.append(f"{where}: {value!r}")
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        wrong += [f"{where}: no {name}" for name in schema.get("required", []) if name not in value]
        if schema.get("minProperties", 0) > len(value):
            wrong.append(f"{where}: empty")
        for name, each in value.items():
            inner = properties.get(name, schema.get("additionalProperties", True))
            if inner is False:
                wrong.append(f"{where}/{name}: unknown")
            elif inner is not True:
                wrong += found(inner, each, root, f"{where}/{name}")
    if isinstance(value, list):
        if schema.get("minItems", 0) > len(value):
            wrong.append(f"{where}: empty")
        for i, each in enumerate(value):
            wrong += found(schema.get("items", {}), each, root, f"{where}/{i}")
    return wrong


def type_of(value) -> str:
    names = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")


def mistakes(value) -> list[str]:
    schema = json.loads(FILE.read_text(encoding="utf-8"))
    return found(schema, value, schema)


def tree(text: str):
    """Return what an editor sees; booleans are those of YAML 1.2."""
    return plain(parse(text, Path("f.yaml")).value or {})


def plain(value):
    match value:
        case dict():
            return {name: plain(each) for name, each in value.items()}
        case list():
            return [plain(each) for each in value]
        case "true" | "false":
            return value == "true"
    return value


def test_what_ships_is_what_the_models_say(capsys):
    """Byte for byte."""
    rules.run(["schema"])

    assert FILE.read_text(encoding="utf-8") == capsys.readouterr().out, (
        "make it anew: forebay rules schema > rules/rewrite.schema.json"
    )


def test_it_says_what_it_is():
    schema = json_schema()

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(schema["properties"]) == {"group", "enabled", "rules"}
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("path", [SHIPPED / "rewrite.yaml", *sorted(SHIPPED.glob("rewrite/*.yaml"))],
                         ids=lambda path: path.name)  # fmt: skip
def test_rules_that_ship_fit_and_name_it(path):
    text = path.read_text(encoding="utf-8")
    schema = path.parent / text.splitlines()[0].rpartition("$schema=")[2]

    assert mistakes(tree(text)) == []
    assert schema.resolve() == FILE.resolve()


def test_the_examples_of_a_new_home_fit():
    body = init.REWRITE.split("\n#\n", 1)[1]
    text = "\n".join(line.removeprefix("# ").removeprefix("#") for line in body.splitlines())

    assert len(tree(text)["rules"]) == 2
    assert mistakes(tree(text)) == []


def test_the_example_of_everything_fits():
    """The comment at the top of the file that ships."""
    lines = (SHIPPED / "rewrite.yaml").read_text(encoding="utf-8").splitlines()
    start, end = lines.index("#   rules:"), next(i for i, x in enumerate(lines) if "expect:" in x)
    text = "\n".join(line.removeprefix("# ") for line in lines[start : end + 1])
    text = text.replace("{...}", "{}").replace("# and replace, set", "# ")

    assert len(tree(text)["rules"]) == 2
    assert mistakes(tree(text)) == []


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param({"request": {"set": {"A": 1, "B": True, "C": 1.5}}}, id="values of any type"),
        pytest.param({"match": {"port": [443, "8000-8099"]}, "stop": True}, id="ports"),
        pytest.param({"match": {"host": "a"}, "stop": True}, id="one for a list of one"),
        pytest.param({"request": {"redirect": "https://a/"}}, id="a URL for a redirect"),
        pytest.param({"request": {"redirect": {"to": "/", "status": 301}}}, id="a redirect"),
        pytest.param({"tests": [{"request": "https://a/"}]}, id="a URL for a request"),
        pytest.param(
            {"response": {"set_cookie": {"attributes": {"*": {"Secure": None}}}}}, id="an attribute"
        ),
    ],
)
def test_what_may_be_written_fits(rule):
    assert mistakes({"rules": [rule]}) == []


@pytest.mark.parametrize(
    ("file", "where"),
    [
        ({"rule": []}, "/rule: unknown"),
        ({"rules": {}}, "/rules: object"),
        ({"rules": [{"request": {"sett": {}}}]}, "/rules/0/request/sett: unknown"),
        ({"rules": [{"mode": "off"}]}, "/rules/0/mode: 'off'"),
        ({"rules": [{"match": {"host": {"a": 1}}}]}, "/rules/0/match/host: none of anyOf"),
        ({"rules": [{"match": {"host": []}}]}, "/rules/0/match/host: none of anyOf"),
        ({"rules": [{"request": {"set": {"A": ["x"]}}}]}, "/rules/0/request/set/A: array"),
        ({"rules": [{"request": {"set": "A"}}]}, "/rules/0/request/set: string"),
        ({"rules": [{"tests": [{}]}]}, "/rules/0/tests/0: no request"),
        ({"rules": [{"stop": "yes"}]}, "/rules/0/stop: string"),
    ],
)
def test_what_may_not_is_marked(file, where):
    assert mistakes(file) == [where]
