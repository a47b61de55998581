"""The log's disk fails while clients ask: what is promised of it holds, and comes back."""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
from pathlib import Path

import httpx
import pytest

from forebay.trafficlog import reader
from origins import Origin
from proxies import read_log, until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux"),
]


@pytest.fixture(name="log")
def _log(tmp_path):
    """A link: to /dev/full it is a disk that is full, led elsewhere it has room again."""
    path = tmp_path / "logs" / "traffic.jsonl"
    path.parent.mkdir()
    lead(path, "/dev/full")
    return path


def lead(path, target):
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def asked(records):
    return [r.get("url.path") for r in records if r.get("server.address") != "mitm.it"]


def everything(folder):
    """All records of all files, those that are compressed too."""
    damages = reader.Damages()
    records = list(reader.read(sorted(folder.iterdir()), json.loads, damages))
    assert damages.count == 0
    return records


def test_by_default_the_traffic_goes_on_and_records_wait(start_proxy, client_of, log, tmp_path):
    """Nothing is lost when the disk is back."""
    proxy = start_proxy(trafficlog_file=log)
    with Origin() as origin:
        client = client_of(proxy)
        for number in range(10):
            assert client.get(origin.url(f"/{number}")).status_code == 200
        proxy.wait_for("found No space left on device")
        lead(log, tmp_path / "disk")
        until((tmp_path / "disk").exists)
        client.get(origin.url("/last"))
    proxy.stop()

    assert asked(read_log(tmp_path / "disk")) == [*(f"/{n}" for n in range(10)), "/last"]
    assert "Traceback" not in proxy.text()


def test_block_answers_503_until_the_disk_is_back(start_proxy, client_of, log, tmp_path):
    """No request reaches its origin meanwhile, over HTTP or in a tunnel; all is recorded."""
    proxy = start_proxy(trafficlog_file=log, trafficlog_on_error="block")
    with Origin() as origin:
        client = client_of(proxy)
        proxy.wait_for("requests are answered 503")  # the ready check was a record
        seen = len(origin.seen)
        refused = client.get(origin.url("/refused"))
        upload = client.post(origin.url("/upload"), content=b"x" * 3_000_000)
        with pytest.raises(httpx.ProxyError, match="503"):
            client.get("https://127.0.0.1:1/tunnel")
        assert len(origin.seen) == seen
        lead(log, tmp_path / "disk")
        proxy.wait_for("requests are let through again")
        allowed = client.get(origin.url("/allowed"))
    proxy.stop()

    assert (refused.status_code, upload.status_code, allowed.status_code) == (503, 503, 200)
    assert "traffic log cannot be written" in refused.text
    assert "Traceback" not in proxy.text()
    assert asked(read_log(tmp_path / "disk"))[-1] == "/allowed"
    assert {"/refused", "/upload"} < set(asked(read_log(tmp_path / "disk")))


def test_stop_ends_the_proxy_when_the_disk_refuses_for_too_long(start_proxy, log):
    """With status 1 and one line, though nobody asks for anything."""
    proxy = start_proxy(trafficlog_file=log, trafficlog_on_error="stop")
    status = proxy.process.wait(60)
    proxy.stop()

    assert status == 1
    said = [line for line in proxy.output if "trafficlog_on_error=stop" in line]
    assert len(said) == 1
    assert f"expected to write {log}, found No space left on device" in said[0]
    assert "Traceback" not in proxy.text()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("trafficlog_on_error", "panic"),
        ("trafficlog_fsync", "always"),
        ("trafficlog_rotate", "1w"),
        ("trafficlog_rotate_bytes", "big"),
        ("trafficlog_total_bytes", "-5"),
    ],
)
def test_a_bad_option_refuses_the_start_in_one_line(prepare_proxy, option, value):
    from proxies import refused_start

    status, output = refused_start(prepare_proxy(**{option: value}))

    assert status == 1
    assert len([line for line in output.splitlines() if f"{option}: expected" in line]) == 1
    assert "Traceback" not in output


def test_files_are_rotated_moved_truncated_and_removed_under_load(start_proxy, client_of):
    """The proxy answers all, and writes on in a file of the old name."""
    proxy = start_proxy(
        trafficlog_rotate_bytes="20k", trafficlog_total_bytes="0", trafficlog_fsync="batch"
    )
    folder = proxy.home / "log"
    live = folder / "traffic.jsonl"
    wrong, stop = [], threading.Event()

    def ask(origin, client):
        while not stop.is_set():
            answer = client.get(origin.url("/load"))
            if answer.status_code != 200:
                wrong.append(answer.status_code)

    with Origin() as origin, contextlib.ExitStack() as stack:
        clients = [client_of(proxy) for _ in range(2)]
        threads = [threading.Thread(target=ask, args=(origin, client)) for client in clients]
        stack.callback(lambda: [thread.join(30) for thread in threads])
        stack.callback(stop.set)
        for thread in threads:
            thread.start()
        until(lambda: len(list(folder.glob("*.jsonl.zst"))) >= 3, 60)
        live.rename(folder / "moved")
        until(live.exists)
        live.write_bytes(b"")  # copytruncate
        until(lambda: live.stat().st_size)
        gone = folder.rename(folder.with_name("gone"))  # at once: the proxy makes files in it
        shutil.rmtree(gone)
        until(live.exists)
        until(lambda: len(list(folder.glob("*.jsonl.zst"))) >= 2, 60)
    proxy.stop()
    numbers = sorted(record["seq"] for record in everything(folder))

    assert wrong == []
    assert "Traceback" not in proxy.text()
    assert len(numbers) > 20
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_a_kill_costs_what_was_not_written_and_no_more(start_proxy, client_of):
    """The next process goes on in the same file, with whole lines."""
    first = start_proxy()
    live = first.home / "log" / "traffic.jsonl"
    with Origin() as origin:
        client = client_of(first)
        for number in range(5):
            client.get(origin.url(f"/{number}"))
        until(lambda: b'"/4"' in live.read_bytes())
        first.kill()
        with live.open("ab") as file:
            file.write(b'{"v":1,"kind":"ht')  # as a kill in a write leaves it
        second = start_proxy()
        client_of(second).get(origin.url("/after"))
    second.stop()

    damages = reader.Damages()
    records = list(reader.read([live], json.loads, damages))
    assert asked(records) == [*(f"/{n}" for n in range(5)), "/after"]
    assert damages.count == 1
