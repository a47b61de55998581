"""Mistakes of users: one clear line, exit status 1 at start, the last good state at run time."""

from __future__ import annotations

import re
import socket

import pytest

from origins import Origin
from proxies import refused_start

pytestmark = pytest.mark.integration


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            {"rewrite_files": "/no/such.yaml"},
            r"rewrite_files: cannot read /no/such\.yaml: No such file",
        ),
        (
            {"blocklist_files": "/no/such.txt"},
            r"blocklist_files: cannot read /no/such\.txt: No such file",
        ),
        (
            {"blocklist_connect": "maybe"},
            r"blocklist_connect: expected page or refuse, found 'maybe'",
        ),
        (
            {"forebay_lazy": "sometimes"},
            r"forebay_lazy: expected auto or on or off, found 'sometimes'",
        ),
        ({"cache_ram_bytes": "lots"}, r"cache_ram_bytes: expected a size in bytes .*found 'lots'"),
        (
            {"cache_set_cookie": "eat"},
            r"cache_set_cookie: expected refuse or strip or store, found 'eat'",
        ),
        (
            {"forebay_server_first_ports": "ssh"},
            r"forebay_server_first_ports: expected ports .*'ssh'",
        ),
        (
            {"forebay_rules": "/no/such"},
            r"forebay_rules: expected a folder, found nothing at /no/such",
        ),
        ({"blocklist": "banana"}, r"blocklist: expected true or false, found 'banana'"),
        (
            {"blocklist_file": "x"},
            r"blocklist_file: expected an option of Forebay, .*did you mean blocklist_files\?",
        ),
        (
            {"blocklist_files": "~nosuchuser/x"},
            r"blocklist_files: expected a path, found '~nosuchuser/x': no such home folder",
        ),
        (
            {"forebay_home": "/proc/nowhere"},
            r"forebay_home: expected a writable folder, found /proc/nowhere",
        ),
    ],
)
def test_a_wrong_option_refuses_the_start(prepare_proxy, options, line):
    """What was expected, what was found, where."""
    proxy = prepare_proxy(**options)

    status, printed = refused_start(proxy)

    assert status == 1
    assert len(re.findall(line, printed)) == 1, printed
    assert "Traceback" not in printed


def test_a_broken_rule_file_refuses_the_start_with_all_its_errors(prepare_proxy, tmp_path):
    """Each with its line."""
    write(
        tmp_path / "home" / "rules" / "rewrite.yaml",
        "rules:\n  - request: {sett: {A: b}}\n  - bogus: 1\n",
    )

    status, printed = refused_start(prepare_proxy())

    assert status == 1
    assert re.search(r"rewrite\.yaml:2:15: .*sett", printed)
    assert re.search(r"rewrite\.yaml:3:5: .*bogus", printed)
    assert "Traceback" not in printed


def test_a_port_in_use_is_one_line(prepare_proxy):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        status, printed = refused_start(prepare_proxy("--listen-port", port))

    assert status == 1
    assert port in printed
    assert "Traceback" not in printed


def test_an_unwritable_log_refuses_the_start(prepare_proxy, tmp_path):
    (tmp_path / "taken").mkdir()

    status, printed = refused_start(prepare_proxy(trafficlog_file=tmp_path / "taken"))

    assert status == 1
    assert re.search(r"trafficlog_file: .*taken", printed)
    assert "Traceback" not in printed


def test_a_bad_line_in_a_list_costs_that_line_only(start_proxy, client_of, tmp_path):
    """One warning, with the place; the rest of the list is on."""
    listed = write(
        tmp_path / "list.txt", "good.example\n||ads.example^$popup\n!!@@##\n||^\n||also.example^\n"
    )
    proxy = start_proxy(blocklist_files=listed)

    assert "list.txt" in proxy.text()
    for host in ("good.example", "also.example"):
        assert client_of(proxy).get(f"http://{host}/").status_code == 403


def test_the_start_line_says_what_is_on(start_proxy):
    """Rules and lists, cache size and place, log place; and nothing else of ours."""
    proxy = start_proxy()
    proxy.wait_for("Forebay ")
    ours = [line for line in proxy.output if "orebay" in line and "Loading script" not in line]

    assert len(ours) == 1, ours
    for part in ("blocklist", "rules", "rewrite", "cache", "1.0 GB", "log", "traffic.jsonl"):
        assert part in ours[0]


def test_everything_can_be_switched_off(start_proxy, client_of):
    """One option each; the proxy is then a proxy."""
    proxy = start_proxy(blocklist=False, rewrite=False, cache=False, trafficlog=False)
    with Origin() as origin:
        answer = client_of(proxy).get(origin.url())

    assert answer.status_code == 200
    assert "cache-status" not in answer.headers
    proxy.stop()
    assert not (proxy.home / "log" / "traffic.jsonl").exists()


def test_listening_elsewhere_is_warned_about(prepare_proxy):
    """Everyone who can reach it may use it."""
    with prepare_proxy("--listen-host", "0.0.0.0") as proxy:
        proxy.wait_for(r"anyone who can reach .* may use this proxy")


def test_deleting_a_rule_file_at_run_time_is_no_crash(start_proxy, client_of, tmp_path):
    """The user's file may go; its rules go with it."""
    rules = write(
        tmp_path / "home" / "rules" / "rewrite.yaml", "rules:\n  - response: {set: {X-On: a}}\n"
    )
    proxy = start_proxy()
    with Origin() as origin:
        client = client_of(proxy)
        assert client.get(origin.url()).headers["x-on"] == "a"
        rules.unlink()
        proxy.wait_for(r"rewrite: \d+ rules? \(reloaded\)")
        assert "x-on" not in client.get(origin.url()).headers
    assert "Traceback" not in proxy.stop()
