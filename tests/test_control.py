"""The control connection and its file: when there is one, and what it says."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import stat

import pytest
import trustme
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.test import taddons

from forebay import controlfile
from forebay.control import Control


class Offers:
    name = "offers"

    def control_handlers(self):
        return {"echo": self._echo}

    async def _echo(self, said):
        return {"said": said["text"]}


async def opened(control):
    """The proxy runs."""
    control.running()
    if control._opening is not None:
        await control._opening


def session(tmp_path, talk, option=None):
    """Run *talk* in a proxy whose home is *tmp_path*/home; *option* is its forebay_control."""
    control = Control(look_s=0.01)

    async def run():
        with taddons.context(Proxyserver(), Offers(), control) as tctx:
            trustme.CA().cert_pem.write_to_path(str(tmp_path / "mitmproxy-ca-cert.pem"))
            tctx.options.update(confdir=str(tmp_path), forebay_home=str(tmp_path / "home"))
            if option is not None:
                tctx.options.forebay_control = str(option)
            await opened(control)
            try:
                return await talk()
            finally:
                control.done()
                control.done()

    return asyncio.run(run())


def own(tmp_path):
    return controlfile.path_of(tmp_path / "home", os.getpid())


async def ask(path, do, **more):
    said = json.loads(path.read_text(encoding="utf-8"))
    reader, writer = await asyncio.open_connection("127.0.0.1", said["port"])
    writer.write(json.dumps({"token": said["token"], "do": do, **more}).encode() + b"\n")
    answer = json.loads(await reader.readline())
    writer.close()
    return answer


def test_unless_told_otherwise_the_file_is_in_the_home(tmp_path):
    async def talk():
        path = own(tmp_path)
        modes = [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent)]
        return modes, json.loads(path.read_text()), await ask(path, "echo", text="a")

    modes, said, answer = session(tmp_path, talk)

    assert modes == [0o600, 0o700]
    assert said["pid"] == os.getpid()
    assert "ca_bundle" not in said
    assert answer == {"said": "a"}
    assert not own(tmp_path).exists()
    assert not (tmp_path / "home" / "run" / "ca-bundle.pem").exists()


def test_a_path_gets_the_certificates_too(tmp_path):
    path = tmp_path / "control.json"

    async def talk():
        return stat.S_IMODE(path.stat().st_mode), json.loads(path.read_text())

    mode, said = session(tmp_path, talk, path)

    assert mode == 0o600
    assert said["ca_bundle"] == str(tmp_path / "ca-bundle.pem")
    assert not path.exists()
    assert not own(tmp_path).parent.exists()


@pytest.mark.parametrize("option", ["off", ""])
def test_off_there_is_no_door(tmp_path, option):
    async def talk():
        return list((tmp_path).rglob("*.json"))

    assert session(tmp_path, talk, option) == []


def test_the_status_is_told(tmp_path):
    async def talk():
        return await ask(own(tmp_path), "status")

    found = session(tmp_path, talk)

    assert found["problems"] == []
    assert found["proxy"]["pid"] == os.getpid()


@pytest.mark.parametrize("path", ["", "run"])
def test_a_file_that_is_gone_is_written_again(tmp_path, path):
    """With its folders, and as private as they were."""

    async def talk():
        before = own(tmp_path).read_text()
        shutil.rmtree(tmp_path / "home" / path)
        async with asyncio.timeout(20):
            while not own(tmp_path).exists():
                await asyncio.sleep(0)  # nothing tells of a file
        modes = [
            stat.S_IMODE(each.stat().st_mode) for each in (own(tmp_path), own(tmp_path).parent)
        ]
        return own(tmp_path).read_text() == before, modes

    assert session(tmp_path, talk) == (True, [0o600, 0o700])
    assert not own(tmp_path).exists()


@pytest.mark.parametrize(
    ("path", "reason"), [("no/f", "No such file or directory"), ("folder", "Is a directory")]
)
def test_a_path_that_cannot_be_written_is_an_error(tmp_path, caplog, path, reason):
    (tmp_path / "folder").mkdir()

    async def talk():
        return [(each.levelname, each.message) for each in caplog.records]

    line = f"expected a file that can be written, found {tmp_path / path}: {reason}"
    assert session(tmp_path, talk, tmp_path / path) == [("ERROR", f"forebay_control: {line}")]


@pytest.mark.parametrize("where", ["home", "home/run"])
def test_a_home_that_cannot_be_written_is_a_warning(tmp_path, caplog, where):
    """Nobody has asked for the file."""
    (tmp_path / where).parent.mkdir(exist_ok=True)
    (tmp_path / where).write_text("a file")

    async def talk():
        return [(each.levelname, each.message) for each in caplog.records]

    ((level, line),) = session(tmp_path, talk)

    assert level == "WARNING"
    assert f"expected a writable folder, found {tmp_path / where}: File exists" in line
    assert line.endswith("; forebay status will not find this proxy")


def test_a_loose_folder_is_made_private(tmp_path):
    folder = own(tmp_path).parent
    folder.mkdir(parents=True)
    folder.chmod(0o777)

    async def talk():
        return stat.S_IMODE(folder.stat().st_mode)

    assert session(tmp_path, talk) == 0o700


def test_another_proxys_file_of_the_same_name_is_left_to_it(tmp_path):
    """In containers with one home all of them may have the number 1."""

    async def talk():
        own(tmp_path).write_text('{"port": 1, "token": "others", "proxy": []}')

    session(tmp_path, talk)

    assert "others" in own(tmp_path).read_text()


def test_a_trust_store_is_made_for_who_asks(tmp_path):
    async def talk():
        before = sorted(each.name for each in own(tmp_path).parent.iterdir())
        return before, await ask(own(tmp_path), "control.java_store")

    before, found = session(tmp_path, talk)

    assert "ca-store.p12" not in before
    assert found["path"].endswith("ca-store.p12")
