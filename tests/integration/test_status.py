"""``forebay status`` of real proxies: found, asked, told apart, and gone."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections import Counter

import httpx
import pytest

from forebay import cli, controlfile
from forebay.cache.counts import RESULTS
from forebay.report.line import Cache, cache_word
from origins import Origin, Reply
from proxies import until

pytestmark = pytest.mark.integration

LISTS = "||adverts.example^\n"


@pytest.fixture(name="home")
def _home(tmp_path):
    home = tmp_path / "a home"
    (home / "rules" / "blocklists").mkdir(parents=True)
    (home / "rules" / "blocklists" / "own.txt").write_text(LISTS, encoding="utf-8")
    return home


@pytest.fixture(name="start")
def _start(start_proxy, home):
    """Start a proxy that can be asked."""

    def start(**options):
        proxy = start_proxy(home=home, **options)
        until(controlfile.path_of(home, proxy.process.pid).exists)
        return proxy

    return start


@pytest.fixture(name="status")
def _status(home, capsys):
    """Run the command; return its exit status, the proxies of its JSON, and its errors."""

    def status(*arguments):
        code = cli.main(["status", "--json", "--home", str(home), *arguments])
        out, err = capsys.readouterr()
        return code, json.loads(out)["proxies"], err

    return status


def pids(found):
    return [each["proxy"]["pid"] for each in found]


def test_a_proxy_tells_what_it_has_done(start, status, home, capsys):
    with Origin(lambda _: Reply(headers=[("cache-control", "max-age=600")], body=b"x")) as origin:
        proxy = start()
        with httpx.Client(proxy=proxy.url) as client:
            for _ in range(3):
                assert client.get(f"http://localhost:{origin.port}/a").text == "x"
            assert client.get("http://adverts.example/").status_code == 403
            until(lambda: status()[1][0]["trafficlog"]["written"] >= 5)  # the first: is it up?
            code, (found,), _ = status()

    assert (code, found["problems"]) == (0, [])
    assert found["proxy"]["listening"] == [
        {"mode": "regular", "address": f"127.0.0.1:{proxy.port}", "running": True}
    ]
    assert found["proxy"]["turbo"] is True
    assert found["proxy"]["clients"] >= 1
    assert found["proxy"]["home"] == str(home)
    assert abs(found["proxy"]["memory_bytes"] / 1e6 - proxy.rss_mb()) < 20
    assert (found["cache"]["hit"], found["cache"]["miss"]) == (2, 1)
    assert (found["blocklist"]["judged"], found["blocklist"]["blocked"]) == (5, 1)
    assert [each["name"] for each in found["blocklist"]["lists"]][-1] == "own"
    assert found["trafficlog"]["lost"] == 0
    assert cli.main(["status", "--home", str(home)]) == 0
    assert capsys.readouterr().out.startswith(f"proxy {proxy.process.pid}: well\n")


def test_its_counts_are_those_of_the_log(start, status):
    """Whatever became of the requests: answered, validated, refused, failed, or left."""
    versions = iter(range(100))

    def answer(seen):
        if seen.target == "/changes":
            etag = f'"{next(versions)}"'
        elif seen.header("if-none-match"):
            return Reply(304, headers=[("etag", '"a"'), ("cache-control", "max-age=0")])
        else:
            etag = '"a"'
        age = "600" if seen.target == "/fresh" else "0"
        return Reply(headers=[("cache-control", f"max-age={age}"), ("etag", etag)], body=b"x")

    proxy = start()
    with Origin(answer) as origin, httpx.Client(proxy=proxy.url) as client:
        for path in ("/fresh", "/same", "/changes"):
            for _ in range(2):
                assert client.get(f"http://localhost:{origin.port}{path}").status_code == 200
        assert client.post(f"http://localhost:{origin.port}/fresh").status_code == 200
        assert client.get("http://127.0.0.1:1/").status_code == 502
        assert client.get("http://adverts.example/").status_code == 403
        with pytest.raises(httpx.ConnectError):  # it does not trust the proxy
            client.get("https://adverts.example/")
    until(lambda: status()[1][0]["trafficlog"]["written"] == 11)

    _, (found,), _ = status()

    records = proxy.records()
    looked_up = [record["forebay.cache"] for record in records if record["forebay.cache"]]
    words = Counter(cache_word(Cache(each["result"], age_s=each["age_s"])) for each in looked_up)
    assert {word: found["cache"][word] for word in RESULTS if found["cache"][word]} == words
    assert words == {"miss": 4, "hit": 1, "revalidated": 1, "refetched": 1, "bypass": 1}
    assert found["cache"]["stored"] == sum(each["stored"] for each in looked_up)
    assert found["blocklist"]["blocked"] == 2
    assert sum(record["forebay.block"] is not None for record in records) == 2
    assert found["trafficlog"]["last_seq"] == len(records) + 1  # the first: is it up?


def test_it_shows_no_secret(start, status, home, authority):
    proxy = start(upstream_auth="user:hunter2", rewrite_env="HOME")
    token = controlfile.read(controlfile.path_of(home, proxy.process.pid))["token"]

    text = json.dumps(status()[1])

    assert "hunter2" not in text
    assert token not in text


def test_two_on_one_home_are_told_apart(start, status):
    first, second = start(), start()
    both = sorted((first.process.pid, second.process.pid))

    code, found, _ = status()
    assert (code, pids(found)) == (0, both)
    code, found, _ = status("--pid", str(second.process.pid))
    assert (code, pids(found)) == (0, [second.process.pid])

    first.stop()
    assert pids(status()[1]) == [second.process.pid]


def test_one_that_was_killed_is_gone(start, status, home):
    proxy = start()
    proxy.kill()
    path = controlfile.path_of(home, proxy.process.pid)
    assert path.exists()

    code, found, err = status()

    assert (code, found) == (1, [])
    assert err.startswith(f"forebay status: expected a running proxy of home {home}, found none")
    assert not path.exists()


def test_the_next_proxy_removes_the_files_of_the_dead_only(start, status, home):
    dead, alive = start(), start()
    dead.kill()
    bad = controlfile.path_of(home, 1)
    bad.write_text("{", encoding="utf-8")

    proxy = start()

    until(lambda: not controlfile.path_of(home, dead.process.pid).exists())
    until(lambda: not bad.exists())
    assert pids(status()[1]) == sorted((alive.process.pid, proxy.process.pid))


def test_an_orderly_end_leaves_nothing(start, home):
    start().stop()

    assert controlfile.found(home) == []


def test_a_refused_edit_is_a_problem_until_it_is_mended(start, status, home):
    start()
    rules = home / "rules" / "rewrite.yaml"
    rules.write_text("rules:\n  - {id: x, bogus: 1}\n", encoding="utf-8")
    until(lambda: status()[0] == 3)
    problems = status()[1][0]["problems"]
    assert all(
        line.startswith(f"rewrite: edit refused, rules before it in force: {rules}:2:")
        for line in problems
    )

    rules.write_text("rules: []\n", encoding="utf-8")

    until(lambda: status()[0] == 0)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no way to hold a process")
def test_one_that_hangs_is_given_up(start, status, home):
    proxy = start()
    os.kill(proxy.process.pid, signal.SIGSTOP)
    try:
        code, (found,), _ = status()
    finally:
        os.kill(proxy.process.pid, signal.SIGCONT)

    assert code == 3
    assert found["problems"] == ["status: expected an answer of the proxy, found: timed out"]
    assert status()[0] == 0


def test_a_folder_that_cannot_be_had_costs_nothing_else(start_proxy, status, home):
    (home / "run").write_text("a file", encoding="utf-8")

    proxy = start_proxy(home=home)

    proxy.wait_for("expected a writable folder, found .*run: File exists; forebay status will not")
    with httpx.Client(proxy=proxy.url) as client:
        assert client.get("http://adverts.example/").status_code == 403
    assert status()[0] == 1


def test_switched_off_there_is_no_file(start_proxy, home):
    proxy = start_proxy(home=home, forebay_control="off")

    with httpx.Client(proxy=proxy.url) as client:
        assert client.get("http://adverts.example/").status_code == 403
    assert not (home / "run").exists()


@pytest.mark.parametrize("is_through_the_proxy", [False, True])
def test_a_web_page_gets_nothing_out_of_it(start, home, is_through_the_proxy):
    """It may post whatever it likes to the port, or have the proxy do so."""
    proxy = start()
    said = controlfile.read(controlfile.path_of(home, proxy.process.pid))
    body = json.dumps({"token": said["token"], "do": "status"}) + "\n"
    head = f"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"

    if is_through_the_proxy:
        with httpx.Client(proxy=proxy.url) as client:
            found = client.post(f"http://127.0.0.1:{said['port']}/", content=body).text
    else:
        with socket.create_connection(("127.0.0.1", said["port"]), timeout=20) as page:
            page.sendall((head + body).encode())
            page.shutdown(socket.SHUT_WR)
            found = page.makefile("rb").read().decode()

    assert "uptime_s" not in found
    assert said["token"] not in found
