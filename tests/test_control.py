"""The control connection: who knows the token may come in, and nobody else."""

from __future__ import annotations

import asyncio
import json

import pytest
import trustme
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.test import taddons

from forebay.control import Control
from forebay.errors import ForebayError


class Offers:
    name = "offers"

    def control_handlers(self):
        return {"echo": self._echo, "fail": self._fail, "refuse": self._refuse}

    async def _echo(self, said):
        return {"said": said["text"]}

    async def _fail(self, said):
        raise KeyError("x")

    async def _refuse(self, said):
        raise ForebayError("expected another, found this")


async def opened(control):
    """The proxy runs."""
    control.running()
    await asyncio.gather(*control._tasks)


def session(tmp_path, talk):
    """Run *talk* with what the control file says."""
    control = Control()

    async def run():
        with taddons.context(Proxyserver(), Offers(), control) as tctx:
            trustme.CA().cert_pem.write_to_path(str(tmp_path / "mitmproxy-ca-cert.pem"))
            tctx.options.update(
                confdir=str(tmp_path), forebay_control=str(tmp_path / "control.json")
            )
            await opened(control)
            said = json.loads((tmp_path / "control.json").read_text(encoding="utf-8"))
            try:
                return await talk(said)
            finally:
                control.done()
                control.done()

    return asyncio.run(run())


async def ask(port, *lines):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = []
    for line in lines:
        writer.write((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n")
        answers.append(json.loads(await reader.readline()))
    writer.close()
    return answers


def test_handlers_are_served(tmp_path):
    async def talk(said):
        token = said["token"]
        return await ask(
            said["port"],
            {"token": token, "do": "echo", "text": "a\nb"},
            {"token": token, "do": "refuse"},
            {"token": token, "do": "fail"},
            {"token": token, "do": "else"},
        )

    assert session(tmp_path, talk) == [
        {"said": "a\nb"},
        {"error": "expected another, found this"},
        {"error": "fail failed: KeyError('x')"},
        {"error": "expected one of control.hold, echo, fail, refuse, found 'else'"},
    ]


@pytest.mark.parametrize("line", [b"x", b"[]", b"{}", b'{"token": "x"}', b"\xff", b'"' * 99])
def test_what_is_no_request_is_refused(tmp_path, line):
    (answer,) = session(tmp_path, lambda said: ask(said["port"], line))

    assert answer == {"error": "expected an object with token and do, found something else"}


def test_without_the_token_nothing_is_done(tmp_path):
    (answer,) = session(
        tmp_path, lambda said: ask(said["port"], {"token": "x", "do": "echo", "text": "a"})
    )

    assert answer == {"error": "expected the token of the control file, found another"}


def test_the_file_is_private_and_goes_with_the_proxy(tmp_path):
    async def talk(said):
        return (tmp_path / "control.json").stat().st_mode & 0o777

    assert session(tmp_path, talk) == 0o600
    assert not (tmp_path / "control.json").exists()
    assert (tmp_path / "ca-bundle.pem").exists()


def test_a_file_that_cannot_be_written_is_said(tmp_path, caplog):
    control = Control()

    async def run():
        with taddons.context(Proxyserver(), control) as tctx:
            tctx.options.update(confdir=str(tmp_path), forebay_control=str(tmp_path / "no" / "f"))
            await opened(control)
        control.done()

    asyncio.run(run())

    assert "forebay_control: expected a file that can be written, found No such file" in caplog.text


def test_unless_wanted_there_is_no_door(tmp_path):
    control = Control()

    async def run():
        with taddons.context(control):
            await opened(control)

    asyncio.run(run())

    assert control._server is None
