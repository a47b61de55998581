"""``forebay status``."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

from forebay import controlfile
from forebay.cli import status

WELL = {"problems": [], "proxy": {"pid": 7, "version": "0.1.0"}, "cache": {"summary": "1 GB"}}


class Proxies:
    """Stand in for proxies: each answers every caller with the same line."""

    def __init__(self, home):
        self.home = home
        self._listeners = []
        self._ends = threading.Event()
        self.was_asked = threading.Semaphore(0)

    def add(self, pid, answer, **more):
        """Have one with the number *pid* that answers so, or with None not at all."""
        listener = socket.create_server(("127.0.0.1", 0))
        self._listeners.append(listener)
        threading.Thread(target=self._serve, args=(listener, answer), daemon=True).start()
        said = {"port": listener.getsockname()[1], "token": "secret", "pid": pid, "version": "9"}
        return self.write(pid, said | more)

    def write(self, pid, said):
        path = controlfile.path_of(self.home, pid)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(said if isinstance(said, str) else json.dumps(said), encoding="utf-8")
        return path

    def _serve(self, listener, answer):
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode() + b"\n"
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rb") as lines:
                lines.readline()
                self.was_asked.release()
                if answer is None:
                    self._ends.wait(120)
                else:
                    connection.sendall(data)

    def close(self):
        self._ends.set()
        for listener in self._listeners:
            listener.close()


@pytest.fixture(name="proxies")
def _proxies(tmp_path):
    found = Proxies(tmp_path / "home")
    yield found
    found.close()


@pytest.fixture(name="asked")
def _asked(called, tmp_path):
    def ask(*arguments):
        where = ["--home", str(tmp_path / "home")]
        return called(status.run, *arguments, *where, has_places=False)

    return ask


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return closed.getsockname()[1]


def test_one_that_is_well(proxies, asked):
    proxies.add(7, WELL)

    code, out, err = asked()

    assert (code, err) == (0, "")
    assert out[0] == "proxy 7: well"
    assert "secret" not in "".join(out)


def test_none(asked):
    line = "expected a running proxy of home home, found none; forebay proxy starts one"
    assert asked() == (1, [], f"forebay status: {line}\n")


def test_none_as_json(asked):
    code, out, _ = asked("--json")

    assert code == 1
    assert json.loads("".join(out)) == {"proxies": []}


def test_one_that_is_not_well(proxies, asked):
    proxies.add(7, WELL | {"problems": ["cache: the disk fails"]})

    code, out, _ = asked()

    assert code == 3
    assert out[:2] == ["proxy 7: 1 problem", "  ! cache: the disk fails"]


def test_several_are_all_shown_and_one_can_be_chosen(proxies, asked):
    proxies.add(7, WELL)
    proxies.add(11, WELL | {"proxy": {"pid": 11}})

    code, out, _ = asked("--json")
    assert [each["proxy"]["pid"] for each in json.loads("".join(out))["proxies"]] == [7, 11]
    assert code == 0

    code, out, _ = asked("--pid", "11")
    assert (code, out[0]) == (0, "proxy 11: well")
    assert asked("--pid", "8")[0] == 1


def test_files_of_those_that_have_ended_go(proxies, asked):
    dead = proxies.write(1, {"port": closed_port(), "token": ""})
    others = proxies.add(2, b"HTTP/1.1 400 Bad Request\r\n\r\n")
    bad = proxies.write(3, "{")

    code, out, err = asked()

    assert (code, out) == (1, [])
    assert f"expected a JSON object, found something else in home/run/{bad.name}: removed" in err
    assert not any(path.exists() for path in (dead, others, bad))


def test_one_that_says_nothing_is_not_waited_for_long(proxies, asked, monkeypatch):
    """And the others are shown all the same."""
    monkeypatch.setattr(status, "DEADLINE_S", 0.2)
    silent = proxies.add(5, None)
    proxies.add(7, WELL)

    code, out, _ = asked()

    assert code == 3
    assert out[:2] == [
        "proxy 5: 1 problem",
        "  ! status: expected an answer of the proxy, found: timed out",
    ]
    assert "proxy 7: well" in out
    assert silent.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C comes in another way")
@pytest.mark.parametrize("count", [1, 2])
def test_ctrl_c_ends_it_at_once(proxies, tmp_path, count):
    """However long those may hang that are asked."""
    asked = [proxies.add(number, None) for number in range(count)]
    script = (
        "import sys; from forebay.cli import status\n"
        "status.DEADLINE_S = 3600\n"
        "sys.exit(status.run(sys.argv[1:]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, "--home", str(tmp_path / "home")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    for _ in asked:
        assert proxies.was_asked.acquire(timeout=60)

    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)

    assert (process.returncode, out) == (130, b"")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b'{"problems": ', "status: expected an answer of the proxy, found that it has left"),
        (b"", "status: expected an answer of the proxy, found that it has left"),
        ({"error": "expected one of a, b"}, "expected one of a, b"),
        ({"proxy": 5}, "expected a status, found something else"),
    ],
)
def test_an_answer_of_no_use_is_a_problem(proxies, asked, answer, problem):
    """Of a proxy that dies meanwhile, or is of another version."""
    path = proxies.add(5, answer)

    code, out, err = asked()

    assert (code, err) == (3, "")
    assert out == ["proxy 5: 1 problem", f"  ! {problem}", "proxy", "  pid      5", "  version  9"]
    assert path.exists()


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_file_that_cannot_be_read_is_a_problem(proxies, asked, make):
    """Such as another user's."""
    path = proxies.write(5, "")
    path.unlink()
    make(path)

    code, out, _ = asked()

    assert code == 3
    assert out[1].startswith("  ! expected a readable file, found home/run/5.json: ")


def test_one_of_another_host_is_left_alone(proxies, asked):
    """As its port here is somebody else's, who would be told the token."""
    path = proxies.add(5, WELL, host="else\x1bwhere")

    code, out, err = asked()

    assert (code, out) == (1, [])
    assert "home/run/5.json: expected a proxy of this host, found one of 'else\\x1bwhere'" in err
    assert path.exists()


def test_a_control_file_that_was_given(proxies, asked, tmp_path):
    path = tmp_path / "control.json"
    proxies.add(7, WELL).rename(path)

    assert asked("--control", str(path))[0] == 0

    path.write_text("{")
    code, _, err = asked("--control", str(path))
    assert code == 2
    assert err == "forebay status: expected a JSON object, found something else in control.json\n"
    assert path.exists()

    path.unlink()
    assert asked("--control", str(path))[0] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--pid", "x"],
        ["--pid", "1", "--control", "x"],
        ["x"],
    ],
)
def test_wrong_arguments(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        status.run(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("forebay status: error: ")


def test_a_home_that_there_is_not(called):
    code, _, err = called(status.run, "--home", "~nobody-here/x", has_places=False)

    assert code == 2
    assert err.startswith("forebay status: --home: expected a path, found '~nobody-here/x'")


def test_it_waits_for_no_mitmproxy():
    """It is to be as fast in a loop of a shell as people expect."""
    script = (
        "import sys; from forebay.cli import status, main\n"
        "print([m for m in sys.modules if m in ('mitmproxy', 'pydantic', 'rich', 'asyncio')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"
