"""Lists and policies that a check goes by."""

from __future__ import annotations

import argparse

import pytest

from forebay.cli import asking, inforce, proxyoptions

NIGHT = "{id: night, mode: off, when: [{days: mon-fri, from: '21:00', to: '06:00'}]}"
WHO = "{id: kids, clients: 10.0.0.0/8, mode: off}, {id: anna, users: anna, mode: off}"


@pytest.fixture(name="policy")
def _policy(tmp_path):
    def policy(policies: str, *arguments: str) -> str | None:
        (tmp_path / "rules").mkdir(exist_ok=True)
        (tmp_path / "rules" / "policies.yaml").write_text(f"policies: [{policies}]", "utf-8")
        parser = argparse.ArgumentParser()
        asking.add_arguments(parser)
        inforce.add_arguments(parser)
        proxyoptions.add_arguments(parser)
        places = ["--home", str(tmp_path), "--rules", str(tmp_path), "--confdir", str(tmp_path)]
        given = parser.parse_args(["http://a.example/", *arguments, *places])
        proxyoptions.fill(given)
        found = inforce.lists_for(given).policy
        return None if found is None else found.id

    return policy


@pytest.mark.parametrize(
    ("moment", "found"),
    [
        ("mon 20:59", None),
        ("mon 21:00", "night"),
        (" Tue  00:30 ", "night"),
        ("tue 06:00", None),
        ("sat 05:59", "night"),
        ("sat 22:00", None),
    ],
)
def test_the_time_of_the_week_chooses_the_policy(policy, moment, found):
    assert policy(NIGHT, "--time", moment) == found


@pytest.mark.parametrize(
    "moment", ["21:00", "mon", "mon 24:00", "someday 10:00", "mon-tue 9:00", "mon 9:60", ""]
)
def test_what_is_no_time_is_refused(policy, moment, capsys):
    with pytest.raises(SystemExit):
        policy(NIGHT, "--time", moment)

    assert "expected a day and a time such as 'mon 21:30', found" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ([], None),
        (["--client", "10.1.2.3"], "kids"),
        (["--client", "::ffff:10.1.2.3"], "kids"),
        (["--client", "192.0.2.1"], None),
        (["--user", "Anna"], "anna"),
    ],
)
def test_client_and_user_choose_the_policy(policy, arguments, found):
    assert policy(WHO, *arguments) == found


def test_without_the_blocklist_there_is_nothing_to_read(policy):
    assert policy("{broken", "--blocklist", "false") is None
