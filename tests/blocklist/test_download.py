"""Keeping the last good copy."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
import time
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.blocklist.catalog import ListEntry
from forebay.blocklist.download import (
    FORMAT,
    Result,
    State,
    copy_path,
    is_due,
    read_state,
    update,
)
from forebay.blocklist.expiry import DAY_S, DEFAULT_S, HOUR_S, RETRY_S
from forebay.blocklist.transfer import Limits
from forebay.errors import ForebayError
from origins import Origin, Reply

NOW_S = 1_800_000_000.0
ETAG = '"v1"'


def rules(count, prefix="a"):
    return b"".join(b"||%b%d.example^\n" % (prefix.encode(), i) for i in range(count))


def measure(path):
    """Count ``||`` as rules and ``?`` as mistakes."""
    lines = path.read_bytes().splitlines()
    return sum(x.startswith(b"||") for x in lines), sum(x.startswith(b"?") for x in lines)


def entry(url, name="ads", expires_s=None):
    return ListEntry(name, "g", True, False, url, None, expires_s, Path("lists.yaml"), 1)


@pytest.fixture(name="folder")
def _folder(tmp_path):
    return tmp_path / "home" / "lists"


class Site(Origin):
    """An origin whose answer can be changed, and that knows what it last said."""

    def __init__(self, body=b"", **given):
        self.say(body, **given)
        super().__init__(lambda seen: self.reply)

    def say(self, body=b"", etag=ETAG, status=200, **given):
        self.reply = Reply(status=status, headers=[("ETag", etag)], body=body, **given)

    def update(self, folder, now_s=NOW_S, name="ads", path="/ads.txt", **given):
        found = update(entry(self.url(path), name), folder, measure, now_s=now_s, **given)
        assert not list(folder.glob(".*"))
        return found


def test_the_first_fetch_makes_a_private_copy_and_its_state(folder):
    with Site(rules(3) + b"?\n") as site:
        assert site.update(folder) == Result("ads", "updated", "3 rules, 1 line with mistakes")

    assert copy_path(folder, "ads").read_bytes() == site.reply.body
    assert read_state(folder, "ads") == State(
        format=FORMAT,
        url=site.url("/ads.txt"),
        checked_at_s=NOW_S,
        fetched_at_s=NOW_S,
        etag=ETAG,
        size_bytes=len(site.reply.body),
        sha256=sha256(site.reply.body).hexdigest(),
        rules=3,
    )
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        "ads.txt": 0o600,
        "ads.json": 0o600,
    }
    assert [path.stat().st_mode & 0o777 for path in (folder, folder.parent)] == [0o700, 0o700]


def test_a_folder_that_others_can_read_is_closed_to_them(folder):
    folder.mkdir(parents=True, mode=0o755)
    with Site(rules(1)) as site:
        site.update(folder)

    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_list_that_has_not_changed_is_left_alone(folder):
    with Site(rules(3)) as site:
        site.update(folder)
        before, stamp = read_state(folder, "ads"), copy_path(folder, "ads").stat()
        site.say(status=304)
        assert site.update(folder, NOW_S + 9) == Result("ads", "unchanged", "not modified")

    assert site.seen[1].header("if-none-match") == ETAG
    assert read_state(folder, "ads") == dataclasses.replace(before, checked_at_s=NOW_S + 9)
    assert copy_path(folder, "ads").stat() == stamp


def test_the_same_text_sent_again_is_no_change(folder):
    """Nobody need read the list again; the validators are the new ones."""
    with Site(rules(3)) as site:
        site.update(folder)
        stamp = copy_path(folder, "ads").stat()
        site.say(rules(3), etag='"v2"')
        assert site.update(folder, NOW_S + 9).status == "unchanged"

    assert copy_path(folder, "ads").stat() == stamp
    assert read_state(folder, "ads").etag == '"v2"'


def test_a_changed_list_replaces_the_copy(folder):
    with Site(rules(3)) as site:
        site.update(folder)
        site.say(rules(4), etag='"v2"')
        assert site.update(folder, NOW_S + 9) == Result("ads", "updated", "4 rules")

    assert copy_path(folder, "ads").read_bytes() == rules(4)
    state = read_state(folder, "ads")
    assert (state.etag, state.fetched_at_s, state.rules) == ('"v2"', NOW_S + 9, 4)


def test_half_of_the_rules_are_enough(folder):
    with Site(rules(10)) as site:
        site.update(folder)
        site.say(rules(5))
        assert site.update(folder).status == "updated"


REFUSALS = [
    pytest.param(b"", "expected rules, found none at {url}", id="empty"),
    pytest.param(b"! nothing\n", "expected rules, found none at {url}", id="comments only"),
    pytest.param(rules(9) + b"?\n" * 10, "expected a list, found 9 rules and 10 mistakes at {url}", id="mostly mistakes"),
    pytest.param(b"\xef\xbb\xbf\n <!DOCTYPE html>\n" + rules(99), "expected a list, found HTML or XML at {url}", id="html"),
    pytest.param(b"<html>" + rules(99), "expected a list, found HTML or XML at {url}", id="html without doctype"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "message"),
    [
        *REFUSALS,
        pytest.param(
            rules(4),
            "expected at least half of the 9 rules before, found 4 at {url} (to accept that, delete {copy})",
            id="shrunk",
        ),
    ],
)
def test_what_cannot_replace_the_copy_is_noted_beside_it(folder, body, message):
    with Site(rules(9)) as site:
        site.update(folder)
        before = read_state(folder, "ads")
        site.say(body, etag='"v2"')
        found = site.update(folder, NOW_S + 9)

    expected = message.format(url=site.url("/ads.txt"), copy=copy_path(folder, "ads"))
    assert found == Result("ads", "refused", expected)
    assert copy_path(folder, "ads").read_bytes() == rules(9)
    assert read_state(folder, "ads") == dataclasses.replace(
        before, checked_at_s=NOW_S + 9, error=expected
    )


@pytest.mark.parametrize(("body", "message"), REFUSALS)
def test_what_is_no_list_does_not_become_the_first_copy(folder, body, message):
    with Site(body) as site:
        assert site.update(folder).status == "refused"

    assert [path.name for path in folder.iterdir()] == ["ads.json"]
    assert read_state(folder, "ads").fetched_at_s is None


def test_a_list_that_cannot_be_measured_is_refused(folder):
    def measure(path):
        raise ForebayError(f"{path}: expected at most 3 lines, found more")

    with Site(rules(4)) as site:
        found = update(entry(site.url()), folder, measure, now_s=NOW_S)

    assert found.status == "refused"
    assert found.message == f"expected at most 3 lines, found more at {site.url()}"


def test_to_delete_the_copy_accepts_what_has_shrunk(folder):
    with Site(rules(9)) as site:
        site.update(folder)
        copy_path(folder, "ads").unlink()
        site.say(rules(1))
        assert site.update(folder).status == "updated"

    assert site.seen[1].header("if-none-match") is None


def test_a_list_at_another_url_may_be_smaller_and_is_asked_for_whole(folder):
    with Site(rules(9)) as site:
        site.update(folder)
        site.say(rules(1))
        assert site.update(folder, path="/other.txt").status == "updated"

    assert site.seen[1].header("if-none-match") is None
    assert read_state(folder, "ads").url == site.url("/other.txt")


def test_a_copy_that_somebody_else_wrote_is_asked_for_whole(folder):
    """As when a process was killed between the list and its state; its rules are counted anew."""
    with Site(rules(9)) as site:
        site.update(folder)
        copy_path(folder, "ads").write_bytes(rules(90))
        site.say(rules(44))
        assert "of the 90 rules" in site.update(folder).message

    assert site.seen[1].header("if-none-match") is None


FAILURES = [
    pytest.param({"status": 404}, "expected status 200, found 404 at {url}", id="404"),
    pytest.param({"body": b"x" * 2_000}, "expected at most 1,000 bytes, found more at {url}", id="too large"),
    pytest.param(
        {"raw": b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + rules(9)}, "expected 900 bytes, found 126 at {url}", id="truncated"
    ),
]  # fmt: skip


@pytest.mark.parametrize(("given", "message"), FAILURES)
def test_a_failed_try_leaves_the_copy_and_is_noted(folder, given, message):
    limits = Limits(size_bytes=1_000)
    with Site(rules(9)) as site:
        site.update(folder)
        before = read_state(folder, "ads")
        site.say(**given)
        found = site.update(folder, NOW_S + 9, limits=limits)
        site.say(rules(8))
        later = site.update(folder, NOW_S + 10, limits=limits)

    expected = message.format(url=site.url("/ads.txt"))
    assert found == Result("ads", "failed", expected)
    assert before.error is None
    assert later.status == "updated"
    assert site.seen[2].header("if-none-match") == ETAG
    assert read_state(folder, "ads").error is None


def test_an_origin_that_hangs_is_left_after_a_while(folder):
    hold = threading.Event()
    with Site(rules(1), hold=hold) as site:
        found = site.update(folder, limits=Limits(deadline_s=0.2))
        hold.set()

    assert found.status == "failed"
    assert found.message.startswith("expected a list, found no answer in time")


def test_offline_the_copy_stays(folder):
    with Site(rules(9)) as site:
        site.update(folder)
    found = site.update(folder, NOW_S + 9)

    assert found.status == "failed"
    assert "Connection refused" in found.message
    assert copy_path(folder, "ads").read_bytes() == rules(9)
    assert read_state(folder, "ads").error == found.message


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "home").write_text("a file", encoding="utf-8")
    with Site(rules(1)) as site:
        found = site.update(tmp_path / "home" / "lists")

    assert found.status == "failed"
    assert found.message == f"expected to write in {tmp_path}/home/lists, found Not a directory"
    assert site.seen == []


def test_a_copy_that_cannot_be_replaced_is_one_line(folder):
    (folder / "ads.txt").mkdir(parents=True)
    with Site(rules(1)) as site:
        found = site.update(folder)

    assert found == Result("ads", "failed", f"expected to write in {folder}, found Is a directory")


def test_what_a_killed_try_left_is_swept_when_nobody_can_be_at_it(folder):
    folder.mkdir(parents=True)
    for name, age_s in ((".ads.old.tmp", 3601), (".other.new.tmp", 3599), ("own.tmp", 9999)):
        (folder / name).touch()
        os.utime(folder / name, (NOW_S - age_s, NOW_S - age_s))

    with Site(rules(1)) as site:
        update(entry(site.url()), folder, measure, now_s=NOW_S)

    assert sorted(path.name for path in folder.iterdir()) == [
        ".other.new.tmp",
        "ads.json",
        "ads.txt",
        "own.tmp",
    ]


def test_two_at_once_write_each_a_whole_file(folder):
    """Each in a file of its own until the last step."""
    now_s = time.time()  # to which the drafts' own times are compared
    both = threading.Event()
    drafts = []

    def handle(seen):
        if len(origin.seen) == 2:
            drafts.extend(folder.glob(".ads.*.tmp"))
            both.set()
        return Reply(body=rules(500, prefix="ab"[len(origin.seen) - 1]), hold=both)

    results = []
    with Origin(handle) as origin:
        one = entry(origin.url())
        threads = [
            threading.Thread(
                target=lambda: results.append(update(one, folder, measure, now_s=now_s))
            )
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len(drafts) == 2
    assert {result.status for result in results} == {"updated"}
    assert copy_path(folder, "ads").read_bytes() in (rules(500, "a"), rules(500, "b"))
    assert read_state(folder, "ads").rules == 500
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"url": "x", "checked_at_s": 1}',
        b'{"format": 2, "url": "x", "checked_at_s": 1}',
        b'{"format": 1, "url": 7, "checked_at_s": 1}',
        b'{"format": 1, "url": "x", "checked_at_s": NaN}',
        b"[" * 60_000,
    ],
)
def test_a_state_that_is_none_counts_as_none(folder, text):
    with Site(rules(9)) as site:
        site.update(folder)
        (folder / "ads.json").write_bytes(text)
        assert read_state(folder, "ads") is None
        assert is_due(entry(site.url("/ads.txt")), folder, NOW_S)
        site.say(rules(4))
        assert site.update(folder).status == "refused"  # the copy is counted
        site.say(rules(8))
        assert site.update(folder).status == "updated"

    assert site.seen[1].header("if-none-match") is None
    assert read_state(folder, "ads").rules == 8


@settings(max_examples=50)
@given(st.binary(max_size=100))
def test_any_bytes_are_a_state_or_none(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp()
    (folder / "any.json").write_bytes(data)

    assert read_state(folder, "any") is None


def test_the_state_can_be_read_by_people(folder):
    with Site(rules(1)) as site:
        site.update(folder)

    text = (folder / "ads.json").read_text(encoding="utf-8")
    assert json.loads(text)["format"] == FORMAT
    assert text.count("\n") > 5


class TestIsDue:
    @pytest.fixture(name="fetched")
    def _fetched(self, folder):
        """A list that says it holds for two days."""
        with Site(b"! Expires: 2 days\n" + rules(3)) as site:
            site.update(folder)
        return entry(site.url("/ads.txt"))

    def test_as_the_list_says(self, fetched, folder):
        assert not is_due(fetched, folder, NOW_S + 2 * DAY_S - 1)
        assert is_due(fetched, folder, NOW_S + 2 * DAY_S)

    def test_as_the_user_says(self, fetched, folder):
        fetched = dataclasses.replace(fetched, expires_s=HOUR_S)

        assert not is_due(fetched, folder, NOW_S + HOUR_S - 1)
        assert is_due(fetched, folder, NOW_S + HOUR_S)

    def test_as_usual(self, fetched, folder):
        copy_path(folder, "ads").write_bytes(rules(3))

        assert not is_due(fetched, folder, NOW_S + DEFAULT_S - 1)
        assert is_due(fetched, folder, NOW_S + DEFAULT_S)

    def test_again_an_hour_after_a_failure(self, fetched, folder):
        later_s = NOW_S + 5 * DAY_S
        update(fetched, folder, measure, now_s=later_s)  # the origin is gone

        assert not is_due(fetched, folder, later_s + RETRY_S - 1)
        assert is_due(fetched, folder, later_s + RETRY_S)

    def test_at_once_without_copy(self, fetched, folder):
        copy_path(folder, "ads").unlink()
        assert is_due(fetched, folder, NOW_S)

        update(fetched, folder, measure, now_s=NOW_S)  # the origin is gone
        assert not is_due(fetched, folder, NOW_S + RETRY_S - 1)
        assert is_due(fetched, folder, NOW_S + RETRY_S)

    def test_at_once_at_another_url_or_never_asked(self, fetched, folder):
        assert is_due(dataclasses.replace(fetched, url="https://x.example/"), folder, NOW_S)
        assert is_due(dataclasses.replace(fetched, name="new"), folder, NOW_S)

    def test_after_a_failure_at_another_url(self, fetched, folder):
        """What is known of the copy is not sent to the other URL."""
        with Site(status=404) as site:
            site.update(folder, path="/other.txt")
            site.say(rules(3))
            assert is_due(fetched, folder, NOW_S)
            site.update(folder, path="/other.txt")

        assert [seen.header("if-none-match") for seen in site.seen] == [None, None]
