"""The text of lists.yaml, and the user's over the one that ships."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.blocklist.catalog import FILE, ListEntry, is_local, list_url, load, parse
from forebay.errors import ForebayError, RuleError, RuleErrors

PATH = Path("rules/lists.yaml")
USER = Path("home/rules/lists.yaml")
SHIPPED = Path(__file__).parents[2] / "rules"
ADS = "https://lists.example/ads.txt"


def entry(name="ads", **given):
    defaults = {
        "group": "default",
        "enabled": True,
        "trusted": False,
        "url": None,
        "file": None,
        "expires_s": None,
        "path": PATH,
        "line": 2,
    }
    return ListEntry(name=name, **(defaults | given))


def errors(text: str, below=()) -> list[str]:
    with pytest.raises(RuleErrors) as caught:
        parse(text, PATH, below)
    return [str(error).removeprefix(f"{PATH}:") for error in caught.value.errors]


def test_full_and_small_entries():
    text = f"""\
lists:
  - name: ads-1.0_b
    url: {ADS}
    group: Ads and more
    enabled: no
    trust: yes
    expires: 12h
  - name: small
    url: {ADS}

  - name: mine
    file: sub/mine.txt
"""

    assert parse(text, PATH) == (
        entry("ads-1.0_b", url=ADS, group="Ads and more", enabled=False, trusted=True, expires_s=43200),
        entry("small", url=ADS, line=8),
        entry("mine", file=Path("rules/sub/mine.txt"), trusted=True, line=11),
    )  # fmt: skip


@pytest.mark.parametrize("text", ["", "lists:", "lists: []"])
def test_no_lists(text):
    assert parse(text, PATH, [entry(url=ADS)]) == (entry(url=ADS),)


def test_files_are_as_seen_from_the_folder_and_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    text = "lists: [{name: a, file: ~/a.txt}, {name: b, file: /b.txt}, {name: c, file: ../c.txt}]"

    assert [each.file for each in parse(text, USER)] == [
        tmp_path / "a.txt",
        Path("/b.txt"),
        Path("home/rules/../c.txt"),
    ]


FULL = entry(url=ADS, group="g", enabled=False, trusted=True, expires_s=3600)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("", FULL),
        ("enabled: true", entry(url=ADS, group="g", trusted=True, expires_s=3600)),
        ("trust: false", entry(url=ADS, group="g", enabled=False, expires_s=3600)),
        ("group: h", entry(url=ADS, group="h", enabled=False, trusted=True, expires_s=3600)),
        ("expires: 2h", entry(url=ADS, group="g", enabled=False, trusted=True, expires_s=7200)),
        # Trust in one source is no trust in another.
        ("url: https://x.example/", entry(url="https://x.example/", group="g", enabled=False, expires_s=3600)),
        ("file: /a", entry(file=Path("/a"), group="g", enabled=False, trusted=True, expires_s=3600)),
        ("file: /a, trust: no", entry(file=Path("/a"), group="g", enabled=False, expires_s=3600)),
    ],
)  # fmt: skip
def test_an_entry_of_the_same_name_changes_the_keys_it_gives(keys, expected):
    other = entry("other", url=ADS)

    found = parse(f"lists:\n\n  - {{name: ads, {keys}}}", USER, [FULL, other])

    changed = ListEntry(**{
        **{name: getattr(expected, name) for name in ListEntry.__slots__}, "path": USER, "line": 3,
    })  # fmt: skip
    assert found == (changed, other)


def test_new_lists_come_after_those_that_ship():
    found = parse(f"lists: [{{name: b, url: '{ADS}'}}, {{name: ads}}]", USER, [entry(url=ADS)])

    assert [each.name for each in found] == ["ads", "b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{name: a}", "2:3: file: expected url or file, found neither, and no 'a' that ships"),
        ("{name: a, url: , file: }", "2:20: file: expected url or file, found neither, and no 'a' that ships"),
        (f"{{name: a, url: '{ADS}', file: b}}", "2:51: file: expected either url or file, found both"),
        ("{name: ads, file: ''}", "2:15: file: expected a path, found ''"),
        ('{name: ads, file: "a\\0"}', "2:15: file: expected a path, found 'a\\x00'"),
        ("{name: ads, file: ~nobody-of-this-name/x}", "2:15: file: expected a path, found '~nobody-of-this-name/x': no such home folder"),
        ("{name: Ads}", "2:4: name: expected at most 64 of a-z, 0-9, dot, hyphen and underline, beginning with a letter or digit, found 'Ads'"),
        ("{name: ads, group: ''}", "2:15: group: expected one line of at most 100 characters, found ''"),
        ("{name: ads, enabled: maybe}", "2:15: enabled: expected true or false, found 'maybe'"),
        ("{name: ads, trusted: yes}", "2:15: unknown key 'trusted': did you mean 'trust'?"),
        ("{name: ads, expires: 30 days}", "2:15: expires: expected 1 hour to 14 days, such as 4 days or 12h, found '30 days'"),
        ("{enabled: true}", "2:3: expected the key 'name', found none"),
    ],
)  # fmt: skip
def test_mistakes(text, message):
    assert errors(f"lists:\n- {text}\n", [entry(url=ADS)]) == [message]


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".a", "-a", "_a", "a/b", "a b", "a\\b", "é", "a" * 65, "a\n"]
)
def test_names_that_are_no_file_names(name):
    (message,) = errors(f"lists: [{{name: {name.encode('unicode_escape').decode()!r}, url: '{ADS}'}}]")  # fmt: skip

    assert message.startswith("1:10: name: expected at most 64 of")


def test_all_mistakes_come_at_once():
    text = """\
lists:
  - name: a
    url: ftp://lists.example/
  - name: b
  - name: ads
    enabled: x
  - name: ads
"""

    assert errors(text, [entry(url=ADS)]) == [
        "3:5: url: expected a URL such as https://lists.example/ads.txt, in ASCII, found 'ftp://lists.example/'",
        "4:5: file: expected url or file, found neither, and no 'b' that ships",
        "6:5: enabled: expected true or false, found 'x'",
        "7:5: name: expected a name of its own, found 'ads', that of an earlier list",
    ]


@pytest.mark.parametrize(
    "url",
    [
        ADS,
        "https://lists.example",
        "HTTPS://Lists.Example:8443/a?b=c&d#e",
        "https://lists.example?b",
        "https://192.0.2.1/a@b",
        "http://localhost/a",
        "http://127.0.0.1:8000/a",
        "http://127.1.2.3/a",
        "http://[::1]:8000/a",
    ],
)
def test_urls(url):
    assert list_url(url) == url


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://lists.example/", "expected https, as what"),
        ("http://localhost.lists.example/", "expected https, as what"),
        ("http://0.0.0.0/", "expected https, as what"),
        ("http://127.1/", "expected https, as what"),
        ("http://[::]/", "expected https, as what"),
        ("https://u:secret@lists.example/", "expected a URL without user"),
        ("http://secret@localhost/", "expected a URL without user"),
        ("https://lists.example\\@x/", "expected a URL without user"),
        ("https://", "expected a URL such as"),
        ("https:///a", "expected a URL such as"),
        ("//lists.example/", "expected a URL such as"),
        ("file:///etc/passwd", "expected a URL such as"),
        ("https://lists.example/a b", "expected a URL such as"),
        ("https://lists.example/\n", "expected a URL such as"),
        (" https://lists.example/", "expected a URL such as"),
        ("https://lists.example:99999/", "expected a URL such as"),
        ("https://lists.example:x/", "expected a URL such as"),
        ("https://l%69sts.example/", "expected a URL such as"),
        ("https://bücher.example/", "expected a URL such as"),
        ("https://lists.example/é", "expected a URL such as"),
        ("https://lists.example/" + 2000 * "a", "expected a URL such as"),
    ],
)
def test_no_urls(url, message):
    with pytest.raises(RuleError) as caught:
        list_url(url)

    assert caught.value.message.startswith(message)
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    ("url", "expected"),
    [("https://127.0.0.2/x", True), ("http://LOCALHOST", True), ("https://[::1]/", True), (ADS, False), ("x", False)],
)  # fmt: skip
def test_local_urls(url, expected):
    assert is_local(url) is expected


def test_both_files_may_be_absent(tmp_path):
    assert load(tmp_path / "no", tmp_path / "folder") == ()


def test_the_users_file_is_over_the_one_that_ships(tmp_path):
    for name, text in (
        ("shipped", f"name: ads, url: '{ADS}', enabled: no"),
        ("user", "name: ads, enabled: yes"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / FILE).write_text(f"lists: [{{{text}}}]", encoding="utf-8")  # fmt: skip

    (found,) = load(tmp_path / "shipped", tmp_path / "user")

    assert found == entry(url=ADS, path=tmp_path / "user" / FILE, line=1)


def test_a_file_that_cannot_be_read_is_an_error(tmp_path):
    (tmp_path / FILE).mkdir()

    with pytest.raises(ForebayError, match=r"cannot read .*lists.yaml: Is a directory"):
        load(tmp_path / "none", tmp_path)


def test_the_lists_that_ship_are_off_and_not_trusted(tmp_path):
    found = load(SHIPPED, tmp_path)

    assert {"easylist", "easyprivacy"} <= {each.name for each in found}
    assert {each.group for each in found} == {"ads", "privacy", "malware", "annoyances"}
    assert not any(each.enabled or each.trusted or each.file for each in found)


def test_the_documented_entry_is_valid():
    """Uncommented, as a user would, with one source or the other."""
    text = (SHIPPED / FILE).read_text(encoding="utf-8")
    lines = [
        line.removeprefix("#").removeprefix(" ")
        for line in text.split("\n#   lists:\n")[2].splitlines()
    ]
    body = lines[: lines.index("")]  # fmt: skip

    for source, other in (("url:", "file:"), ("file:", "url:")):
        example = "lists:\n" + "\n".join(
            line for line in body if not line.strip().startswith(other)
        )
        (found,) = parse(example, PATH)
        assert source in example
        assert (found.name, found.group, found.expires_s) == ("mine", "ads", 345600)


BITS = st.sampled_from(
    ["lists:\n", "- ", "name: ads\n", "  name: b\n", "  url: ", "https://a/\n", "  file: ~\n", "  group: x\n",
     "  enabled: ", "on\n", "  expires: 4d\n", "\n", " ", "é", "'", "*", "{", "}", "[", "]"]
)  # fmt: skip


def behind(text: str, line: int) -> int:
    """Return the column behind *line*, which ends at LF, and to YAML at a lone CR too."""
    found = [rows[line - 1 :][:1] for rows in (text.split("\n"), re.split("\r\n?|\n", text))]
    return 1 + max(len(row) for rows in found for row in rows)


@settings(deadline=None, max_examples=200)
@given(
    st.one_of(st.text(), st.lists(BITS, max_size=15).map(lambda bits: "lists:\n" + "".join(bits)))
)
def test_any_text_gives_lists_or_errors_within_the_file(text):
    lines = max(1, len(text.splitlines()))
    try:
        found = parse(text, USER, [entry(url=ADS)])
    except RuleErrors as error:
        places = [(each.line, each.column) for each in error.errors]
    else:
        places = [(each.line, None) for each in found if each.path == USER]
        assert all((each.url is None) != (each.file is None) for each in found)
    for line, column in places:
        assert line is not None and 1 <= line <= lines
        assert column is None or 1 <= column <= behind(text, line)
