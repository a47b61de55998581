"""Which files the rules come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from forebay.blocklist.sources import gather, used_entries
from forebay.errors import ForebayError


@pytest.fixture
def places(tmp_path):
    for name in ("shipped", "user", "downloads"):
        (tmp_path / name / "blocklists").mkdir(parents=True)
    return {name: tmp_path / name for name in ("shipped", "user", "downloads")}


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


LISTS = """\
lists:
  - {name: ads, url: "https://lists.example/ads.txt", group: ads}
  - {name: social, url: "https://lists.example/social.txt", group: social, enabled: false}
  - {name: mine, file: mine.txt}
"""


def test_lists_come_in_the_order_in_which_verdicts_name_them(places):
    write(places["shipped"] / "blocklists" / "sample.txt", "")
    write(places["user"] / "blocklists" / "own.txt", "")
    write(places["user"] / "lists.yaml", LISTS)
    named = places["user"] / "named.txt"

    found = gather(**places, files=(named,))

    assert [(each.name, each.trusted, each.remote) for each in found.lists] == [
        ("sample", False, False),
        ("ads", False, True),
        ("mine", True, False),
        ("own", True, False),
        ("named", True, False),
    ]
    assert found.lists[1].path == places["downloads"] / "ads.txt"
    assert found.lists[2].path == places["user"] / "mine.txt"


def test_a_policy_brings_in_lists_that_are_off(places):
    write(places["user"] / "lists.yaml", LISTS)
    assert [entry.name for entry in used_entries(places["shipped"], places["user"])] == [
        "ads",
        "mine",
    ]

    write(places["user"] / "policies.yaml", "policies: [{id: kids, groups: {social: on}}]")

    found = {each.name: each.enabled for each in gather(**places).lists}
    assert found == {"ads": True, "social": False, "mine": True}
    assert len(used_entries(places["shipped"], places["user"])) == 3


def test_the_users_policies_come_first(places):
    write(places["shipped"] / "policies.yaml", "policies: [{id: all, mode: off}]")
    write(places["user"] / "policies.yaml", "policies: [{id: mine, mode: off}]")

    assert [policy.id for policy in gather(**places).policies.policies] == ["mine", "all"]


def test_a_group_that_no_list_has_is_an_error_with_its_line(places):
    write(places["user"] / "lists.yaml", LISTS)
    path = write(
        places["user"] / "policies.yaml", "policies:\n  - {id: kids, groups: {sozial: off}}"
    )

    with pytest.raises(ForebayError) as error:
        gather(**places)

    assert str(error.value) == (
        f"{path}:2: policy kids: expected a group of lists.yaml (ads, default, social), "
        "found 'sozial'"
    )


@pytest.mark.parametrize("name", ["lists.yaml", "policies.yaml"])
def test_a_file_with_mistakes_is_refused(places, name):
    write(places["user"] / name, "what: 1")

    with pytest.raises(ForebayError, match=f"{name}:1:1: unknown key 'what'"):
        gather(**places)


def test_the_stamp_changes_with_every_file_that_counts(places):
    write(places["user"] / "lists.yaml", LISTS)
    seen = {gather(**places).stamp()}
    for path in (
        places["downloads"] / "ads.txt",
        places["user"] / "mine.txt",
        places["user"] / "policies.yaml",
        places["user"] / "blocklists" / "own.txt",
    ):
        write(path, "")
        seen.add(gather(**places).stamp())

    assert len(seen) == 5


def test_everything_is_watched(places):
    write(places["user"] / "lists.yaml", LISTS)
    named = places["user"] / "named.txt"

    assert gather(**places, files=(named,)).watched == [
        places["shipped"],
        places["user"],
        places["downloads"],
        named,
        places["user"] / "mine.txt",
    ]


def test_what_ships_is_well_formed_and_names_no_list_that_is_on(tmp_path):
    """Nothing is fetched unless the user says so."""
    shipped = Path(__file__).parents[2] / "rules"

    assert used_entries(shipped, tmp_path) == []
    assert gather(shipped=shipped, user=tmp_path, downloads=tmp_path).policies.policies == ()
