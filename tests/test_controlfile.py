"""The files by which running proxies are found."""

from __future__ import annotations

import json
import os
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay import controlfile
from forebay.controlfile import BadFileError
from forebay.errors import ForebayError
from forebay.recording.controlclient import NotThereError

GOOD = {"port": 1, "token": "t", "proxy": [["127.0.0.1", 8080]], "pid": 7}


@pytest.fixture(name="home")
def _home(tmp_path):
    (tmp_path / "run").mkdir()
    return tmp_path


def write(home, pid, said):
    path = controlfile.path_of(home, pid)
    path.write_text(said if isinstance(said, str) else json.dumps(said), encoding="utf-8")
    return path


@pytest.fixture(name="port_of")
def _port_of():
    """Serve callers with bytes, or with None say nothing; return the port."""
    sockets, threads = [], []

    def serve(answer):
        listener = socket.create_server(("127.0.0.1", 0))
        sockets.append(listener)

        def run():
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as lines:
                lines.readline()
                if answer is None:
                    lines.readline()  # until the caller has lost patience
                else:
                    connection.sendall(answer)

        threads.append(threading.Thread(target=run, daemon=True))
        threads[-1].start()
        return listener.getsockname()[1]

    yield serve
    for listener in sockets:
        listener.close()
    for thread in threads:
        thread.join(10)


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return closed.getsockname()[1]


class TestFound:
    def test_in_the_order_of_numbers(self, home):
        for name in ("20.json", "3.json", ".5.json.5", "x.json", "4.txt"):
            (home / "run" / name).touch()

        assert [controlfile.pid_of(path) for path in controlfile.found(home)] == [3, 20]

    def test_without_a_folder_there_are_none(self, tmp_path):
        (tmp_path / "file").touch()

        assert controlfile.found(tmp_path / "no") == []
        assert controlfile.found(tmp_path / "file") == []

    def test_a_folder_that_cannot_be_read_is_an_error(self, tmp_path):
        (tmp_path / "run").symlink_to(tmp_path / "run")

        with pytest.raises(
            ForebayError, match=r"expected a readable folder, found .*run: Too many"
        ):
            controlfile.found(tmp_path)


class TestRead:
    def test_what_a_proxy_has_written(self, home):
        assert controlfile.read(write(home, 7, GOOD)) == GOOD

    @pytest.mark.parametrize(
        "text", ["", "{", "[]", "[" * 99_999, "\x00", "7", " " * 70_000 + "{}"]
    )
    def test_what_none_has_written(self, home, text):
        with pytest.raises(BadFileError, match="expected a JSON object"):
            controlfile.read(write(home, 7, text))

    @pytest.mark.parametrize(
        "change",
        [
            {"port": "1"},
            {"port": True},
            {"port": 0},
            {"port": 65536},
            {"port": 1.0},
            {"token": None},
            {"proxy": {}},
            {"proxy": [["a"]]},
            {"proxy": [["a", "b"]]},
            {"proxy": [[1, 2]]},
        ],
    )
    def test_what_another_version_may_have_written(self, home, change):
        """So it is no error that would cost the file."""
        path = write(home, 7, GOOD | change)

        with pytest.raises(ForebayError, match="expected port, token and addresses") as caught:
            controlfile.read(path)
        assert not isinstance(caught.value, BadFileError)

    def test_no_file_and_no_regular_file(self, home):
        with pytest.raises(FileNotFoundError):
            controlfile.read(home / "run" / "7.json")
        with pytest.raises(ForebayError, match=r"expected a readable file, found .*run: Is a dir"):
            controlfile.read(home / "run")

    @given(said=st.recursive(st.none() | st.integers() | st.text(), st.lists))
    def test_whatever_is_in_it(self, tmp_path_factory, said):
        home = tmp_path_factory.mktemp("home")
        (home / "run").mkdir()
        with pytest.raises(BadFileError):
            controlfile.read(write(home, 7, said))


class TestAsk:
    def test_the_answer(self, port_of):
        said = GOOD | {"port": port_of(b'{"a": 1}\n')}

        assert controlfile.ask(said, "status", 10) == {"a": 1}

    @pytest.mark.parametrize(
        "answer",
        [
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            b"[]\n",
            b"\xff\n",
            b'{"error": "expected the token", "unknown": true}\n',
        ],
    )
    def test_somebody_else(self, port_of, answer):
        """The number of the port was given away, by a proxy that has ended."""
        with pytest.raises(NotThereError):
            controlfile.ask(GOOD | {"port": port_of(answer)}, "status", 10)

    def test_nobody(self):
        with pytest.raises(NotThereError):
            controlfile.ask(GOOD | {"port": closed_port()}, "status", 10)


class TestRemoveDead:
    def test_only_the_dead_go(self, home, port_of):
        dead = write(home, 1, GOOD | {"port": closed_port()})
        bad = write(home, 2, "{")
        others = write(home, 3, GOOD | {"port": port_of(b"SSH-2.0\r\n")})
        alive = write(home, 4, GOOD | {"port": port_of(b"{}\n")})
        old = write(home, 5, GOOD | {"port": port_of(b'{"error": "expected one of"}\n')})
        newer = write(home, 6, {"socket": "/x"})
        remote = write(home, 7, GOOD | {"port": closed_port(), "host": "elsewhere.example"})
        mine = write(home, 8, GOOD | {"port": closed_port()})

        controlfile.remove_dead(home, 10, but=mine)

        assert not any(path.exists() for path in (dead, bad, others))
        assert all(path.exists() for path in (alive, old, newer, remote, mine))

    def test_one_that_says_nothing_may_live(self, home, port_of):
        path = write(home, 1, GOOD | {"port": port_of(None)})

        controlfile.remove_dead(home, 0.1)

        assert path.exists()

    def test_what_was_written_meanwhile_stays(self, home):
        """A number is given away anew."""
        path = write(home, 1, GOOD)

        controlfile.remove(path, GOOD | {"token": "of the one before"})
        controlfile.remove(path, None)

        assert path.exists()
        controlfile.remove(path, GOOD)
        assert not path.exists()
        controlfile.remove(path, GOOD)

    def test_a_folder_that_cannot_be_read_does_no_harm(self, tmp_path):
        (tmp_path / "run").symlink_to(tmp_path / "run")

        controlfile.remove_dead(tmp_path, 1)


def test_this_host_is_told_from_others():
    assert not controlfile.is_elsewhere({})
    assert not controlfile.is_elsewhere({"host": socket.gethostname()})
    assert controlfile.is_elsewhere({"host": f"{os.getpid()}.example"})
