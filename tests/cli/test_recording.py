"""``forebay recording``."""

from __future__ import annotations

import json

import pytest
from ruamel.yaml import YAML

from forebay.cli import recording
from forebay.recording import store
from forebay.recording.interaction import (
    Interaction,
    Message,
    Request,
    Response,
    Side,
    WebSocket,
)
from recording.test_archive import VCR
from recording.test_cassette import TALK

MADE = [
    Interaction(
        Request("GET", "http://h.example/a", (("accept", "*/*"),)),
        Response(200, (("content-type", "text/plain; charset=utf-8"),), b"hello\nthere"),
    ),
    Interaction(Request("POST", "https://i.example/b", (), b"x"), Response(404)),
    Interaction(Request("GET", "http://h.example/c"), Response(200, (), b"\x89\xff\x00")),
]


@pytest.fixture(name="path")
def _path(tmp_path):
    path = tmp_path / "c.yaml"
    store.save(path, MADE)
    return path


def run(*arguments):
    return recording.run([str(each) for each in arguments])


def test_ls(path, capsys):
    assert run("ls", path) == 0
    assert capsys.readouterr().out == (
        "#  method  status  bytes  type        url\n"
        "1  GET     200        11  text/plain  http://h.example/a\n"
        "2  POST    404         0              https://i.example/b\n"
        "3  GET     200         3              http://h.example/c\n"
    )
    assert run("ls", path, "--json") == 0
    assert json.loads(capsys.readouterr().out)[1]["url"] == "https://i.example/b"


def test_show(path, capsys):
    assert run("show", path, 1) == 0
    assert capsys.readouterr().out == (
        "GET http://h.example/a\naccept: */*\n\n200\n"
        "content-type: text/plain; charset=utf-8\n\nhello\nthere\n"
    )
    assert run("show", path, 3) == 0
    assert "(3 bytes that are no text)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        (["2"], [0, 2]),
        (["--host", "h.example"], [1]),
        (["--host", "*.example", "--path", "/b"], [0, 2]),
        (["--status", "404"], [0, 2]),
        (["1", "2", "--status", "404"], [0, 2]),
    ],
)
def test_prune(path, arguments, kept):
    assert run("prune", path, *arguments) == 0
    assert store.load(path) == [MADE[number] for number in kept]


def test_prune_nothing(path, capsys):
    assert run("prune", path, "--host", "other.example") == 1
    assert capsys.readouterr().out == f"{path}: 0 removed, 3 kept\n"


def test_redact(path, tmp_path, capsys):
    rules = tmp_path / "home" / "rules" / "redact.yaml"
    rules.parent.mkdir(parents=True)
    rules.write_text("patterns: [{name: greeting, regex: hello}]\n", encoding="utf-8")
    home = ("--home", tmp_path / "home")

    assert run("redact", path, "--check", *home) == 1
    assert capsys.readouterr().out == f"{path}: 1 of 3 interactions with secrets\n"
    assert store.load(path) == MADE
    assert run("redact", path, *home) == 0
    assert store.load(path)[0].response.body == b"REDACTED\nthere"
    assert run("redact", path, "--check", *home) == 0
    assert run("redact", path, *home) == 1


def test_convert_to_an_archive_and_back(path, tmp_path):
    assert run("convert", path, tmp_path / "c.har") == 0
    assert run("convert", tmp_path / "c.har", tmp_path / "d.yaml") == 0

    assert store.load(tmp_path / "d.yaml") == MADE


def test_convert_a_cassette_of_vcr(tmp_path):
    with (tmp_path / "vcr.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(VCR, file)

    assert run("convert", tmp_path / "vcr.yaml", tmp_path / "ours.yaml") == 0
    assert store.load(tmp_path / "ours.yaml")[0].response.body == b"hi"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["ls", "none.yaml"], "expected a cassette, found nothing at none.yaml"),
        (["show", "{path}", "4"], "expected a number from 1 to 3 for"),
        (["prune", "{path}"], "expected numbers, --host, --path or --status to remove, found none"),
        (["prune", "{path}", "9"], "expected numbers from 1 to 3 for"),
        (["prune", "{path}", "--host", "a b"], "expected"),
        (["convert", "a.har", "b.har"], "expected one .har and one cassette, found two .har"),
        (["convert", "none.har", "b.yaml"], "expected an HTTP Archive, found none.har: No such"),
        (["convert", "{path}.har", "b.yaml"], "expected JSON, found"),
        (["convert", "none.yaml", "b.har"], "expected a cassette, found nothing at none.yaml"),
    ],
)
def test_mistakes_are_one_line(path, arguments, expected, capsys):
    path.with_name("c.yaml.har").write_text("{", encoding="utf-8")

    assert run(*(each.format(path=path) for each in arguments)) == 2
    error = capsys.readouterr().err
    assert error.startswith("forebay recording: ")
    assert expected in error
    assert error.count("\n") == 1


def test_a_damaged_cassette_is_named_with_its_lines(path, capsys):
    path.write_text("version: 1\ninteractions:\n- request: {}\n", encoding="utf-8")

    assert run("ls", path) == 2
    assert f"forebay recording: {path}:3:" in capsys.readouterr().err


def test_streams_and_websockets(tmp_path, capsys):
    path = tmp_path / "talk.yaml"
    store.save(path, TALK)

    assert run("ls", path) == 0
    assert "2  GET     101        22  websocket          wss://h/chat" in capsys.readouterr().out
    assert run("ls", path, "--json") == 0
    assert json.loads(capsys.readouterr().out)[1]["messages"] == 3
    assert run("show", path, 1) == 0
    assert capsys.readouterr().out.endswith("data: 2\n\n(open when the client left)\n")
    assert run("show", path, 2) == 0
    assert capsys.readouterr().out.endswith(
        "\n> hi\n< one\n< - client: two\n< (2 bytes that are no text)\n"
        "(closed by the server: 4000 bye)\n"
    )
    assert run("redact", path) == 1
    assert run("prune", path, "--status", 200) == 0
    assert store.load(path) == TALK[1:]


def test_an_open_websocket_to_an_archive_and_back(path, tmp_path, capsys):
    open_ = Interaction(TALK[1].request, TALK[1].response, WebSocket(TALK[1].websocket.messages))
    store.save(path, [open_])

    assert run("convert", path, tmp_path / "c.har") == 0
    assert run("convert", tmp_path / "c.har", tmp_path / "again.yaml") == 0
    assert store.load(tmp_path / "again.yaml") == [open_]
    assert run("show", path, 1) == 0
    assert capsys.readouterr().out.endswith("(open when the recording ended)\n")


def test_secrets_in_messages_are_masked(path):
    said = WebSocket((Message(Side.CLIENT, b'{"password":"x"}'),))
    store.save(path, [Interaction(TALK[1].request, TALK[1].response, said)])

    assert run("redact", path, "--check") == 1
    assert run("redact", path) == 0
    assert store.load(path)[0].websocket.messages[0].content == b'{"password":"REDACTED"}'
