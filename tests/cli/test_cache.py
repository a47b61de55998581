"""``forebay cache``, beside a store that is open."""

from __future__ import annotations

import json
import time

import pytest

from cache.builders import entry, key
from cache.folders import execute, of, stored, written
from forebay.cache.entry import VaryIndex
from forebay.cache.inventory import Inventory
from forebay.cache.selection import of_url
from forebay.cache.vary import variant_key
from forebay.cli import cache

URL = "http://a.example/x"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "home" / "cache"


@pytest.fixture
def run(tmp_path, capsys):
    (tmp_path / "shipped").mkdir()

    def call(*arguments: str) -> tuple[int, str, str]:
        places = ["--home", str(tmp_path / "home"), "--rules", str(tmp_path / "shipped")]
        status = cache.run([*arguments, *places])
        return status, *capsys.readouterr()

    return call


def now(**options):
    return {"received_at_s": time.time(), "cache_control": "max-age=6000", **options}


class TestListing:
    def test_a_table(self, run, folder):
        with written(folder, {**of(URL, **now(body=b"x" * 1234)), key(): entry()}):
            status, out, err = run("ls")

        assert (status, err) == (0, "")
        head, *lines = out.splitlines()
        assert head.split() == ["status", "size", "age", "state", "url"]
        assert len(lines) == 2
        (line,) = (line for line in lines if "1,234" in line)
        assert line.split()[:2] == ["200", "1,234"] and "fresh for " in line
        assert line[head.index("url") :] == URL
        assert f"(key {key().hex()})" in out

    def test_json(self, run, folder):
        with written(folder, of(URL, **now())):
            (found,) = json.loads(run("ls", "--json")[1])

        assert (found["key"], found["status"], found["fresh"]) == (of_url(URL).key.hex(), 200, True)

    def test_nothing(self, run, folder):
        stored(folder)

        assert run("ls") == (1, "", "")
        assert run("ls", "--json") == (1, "[]\n", "")

    @pytest.mark.parametrize(
        ("arguments", "count"),
        [
            (["--host", "a.example"], 2),
            (["--host", "b.example"], 0),
            (["--prefix", "https://a.example"], 1),
        ],
    )
    def test_a_selection(self, run, folder, arguments, count):
        with written(folder, {**of(URL), **of("https://a.example/y")}):
            status, out, _ = run("ls", "--json", *arguments)

        assert len(json.loads(out)) == count and status == (0 if count else 1)


class TestShowing:
    def test_a_response(self, run, folder):
        with written(folder, of(URL, **now(etag='"\x1b[2J"'))):
            status, out, err = run("show", "HTTP://A.example:80/x")

        assert (status, err) == (0, "")
        lines = out.splitlines()
        assert lines[0] == URL
        assert "  status    200, 5 bytes" in lines
        assert "  field     Cache-Control: max-age=6000" in lines
        assert '  field     Etag: "\\x1b[2J"' in lines

    def test_variants(self, run, folder):
        records = {of_url(URL).key: VaryIndex(((b"accept",),), 5.0)}
        for value in (b"a", None):
            said = ((b"accept", value),)
            records[variant_key(of_url(URL).key, said, 5.0)] = entry(said=said)
        with written(folder, records):
            out = run("show", URL)[1]
            found = json.loads(run("show", URL, "--json")[1])

        assert "  for       accept: a\n" in out and "  for       accept: (absent)\n" in out
        assert {tuple(map(tuple, each["said"])) for each in found} == {
            (("accept", "a"),),
            (("accept", None),),
        }

    def test_nothing(self, run, folder):
        stored(folder, entry())

        assert run("show", URL) == (1, "", "")

    def test_rules_that_split_the_key(self, run, folder, tmp_path):
        rules = tmp_path / "home" / "rules"
        rules.mkdir(parents=True)
        (rules / "cache.yaml").write_text("rules: [{key: {fields: Accept}}]", encoding="utf-8")
        with written(folder, of(URL)):
            assert run("show", URL)[0] == 0


class TestPurging:
    @pytest.mark.parametrize("arguments", [[URL], ["--all"]])
    def test_one_or_all(self, run, folder, arguments):
        with written(folder, of(URL)):
            assert run("purge", *arguments) == (0, "purged 1 record\n", "")
            with Inventory(folder) as found:
                assert list(found.rows()) == []
            assert run("purge", *arguments, "--json") == (1, '{\n  "purged": 0\n}\n', "")

    @pytest.mark.parametrize("arguments", [["--host", "a.example"], ["--prefix", URL]])
    def test_several(self, run, folder, arguments):
        records = {**of(URL), **of(URL + "?y"), **of("http://b.example/")}
        with written(folder, records):
            assert run("purge", *arguments) == (0, "purged 2 records\n", "")

    @pytest.mark.parametrize(
        "arguments", [[], [URL, "--all"], ["--host", "a.example", "--prefix", URL]]
    )
    def test_what_must_be_said_once(self, run, arguments):
        with pytest.raises(SystemExit) as stopped:
            run("purge", *arguments)
        assert stopped.value.code == 2


def test_stats(run, folder):
    with written(folder, of(URL, **now())):
        status, out, err = run("stats")
        found = json.loads(run("stats", "--json")[1])

    assert (status, err) == (0, "")
    lines = dict(line.split("  ", 1) for line in out.splitlines())
    assert lines["responses"].strip() == "1"
    assert len({len(line) - len(line.split("  ", 1)[1].lstrip()) for line in out.splitlines()}) == 1
    assert (found["responses"], found["fresh"], found["body_bytes"]) == (1, 1, 5)


def test_verify(run, folder):
    stored(folder, entry(), entry())
    assert run("verify") == (0, "2 records, 0 damaged\n", "")
    execute(folder, "UPDATE Cache SET value = x'00' WHERE rowid = 1")

    status, out, _ = run("verify")

    assert status == 1
    assert out.splitlines()[0].startswith("row 1: expected at least")
    assert out.splitlines()[1] == "2 records, 1 damaged"
    assert len(json.loads(run("verify", "--json")[1])["damaged"]) == 1


@pytest.mark.parametrize("command", [["ls"], ["show", URL], ["purge", URL], ["stats"], ["verify"]])
class TestFaults:
    def test_no_cache(self, run, command, folder):
        status, out, err = run(*command)

        assert (status, out) == (1, "")
        assert err == f"forebay cache: expected a cache in {folder}, found none\n"

    @pytest.mark.parametrize("content", [b"", b"x" * 9000, b"SQLite format 3\0" + b"\xff" * 9000])
    def test_a_damaged_database(self, run, command, folder, content):
        stored(folder, entry())
        (folder / "objects" / "cache.db").write_bytes(content)

        status, out, err = run(*command)

        assert (status, out) == (2, "")
        assert err.startswith("forebay cache: expected a sound database in")
        assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "a.example"], "expected an absolute http or https URL, found 'a.example'"),
        (["purge", "--host", "a b"], "expected a host such as www.example, found 'a b'"),
        (["ls", "--prefix", "a"], "expected an absolute http or https URL, found 'a'"),
        (["ls", "--cache-dir", "~nobody-at-all"], "--cache-dir: expected a path, found"),
    ],
)
def test_bad_input_is_one_line(run, folder, arguments, message):
    stored(folder)

    status, out, err = run(*arguments)

    assert (status, out) == (2, "")
    assert err.startswith(f"forebay cache: {message}") and err.count("\n") == 1
