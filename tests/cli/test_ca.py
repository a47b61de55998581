"""``forebay ca path`` and ``env``."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from forebay.cli import ca
from proxies import copy_ca


@pytest.fixture(autouse=True)
def _no_sudo(monkeypatch):
    monkeypatch.delenv("SUDO_USER", raising=False)


@pytest.fixture(name="ask")
def _ask(tmp_path, shared_ca, capfd):
    """Call the command with folders of its own, whose names are hard to quote."""
    home, confdir = tmp_path / "my 'home'", tmp_path / "$conf dir"
    copy_ca(shared_ca, confdir)

    def call(*arguments, confdir=confdir):
        status = ca.run([*arguments, "--home", str(home), "--confdir", str(confdir)])
        out, err = capfd.readouterr()
        return status, out, err

    call.home, call.confdir = home, confdir
    return call


def test_the_path_is_that_of_the_certificate(ask):
    assert ask("path") == (0, f"{ask.confdir / 'mitmproxy-ca-cert.pem'}\n", "")


def test_the_bundle_follows_the_ca(ask, tmp_path):
    bundle = ask.home / "ca-bundle.pem"
    assert ask("path", "--bundle") == (0, f"{bundle}\n", "")
    first = bundle.read_bytes()

    status, out, err = ask("path", "--bundle", confdir=tmp_path / "new")

    assert (status, out) == (0, f"{bundle}\n")
    assert "made, as there was none" in err
    assert (tmp_path / "new" / "mitmproxy-ca-cert.pem").read_bytes() in bundle.read_bytes() != first


def test_a_path_is_printed_whatever_its_bytes(tmp_path, shared_ca):
    confdir = copy_ca(shared_ca, tmp_path / os.fsdecode(b"\xff"))

    done = subprocess.run(
        [
            *(sys.executable, "-c", "import sys; from forebay.cli import ca; ca.run(sys.argv[1:])"),
            *("path", "--confdir", str(confdir)),
        ],
        capture_output=True,
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    )

    assert done.stdout == os.fsencode(confdir / "mitmproxy-ca-cert.pem") + b"\n"


class TestEnv:
    def evaluated(self, text, **env):
        done = subprocess.run(
            ["/bin/sh", "-c", 'eval "$1"; env -0', "sh", text],
            env=env,
            capture_output=True,
            text=True,
            check=True,
        )
        return dict(pair.split("=", 1) for pair in done.stdout.split("\0") if pair)

    def test_a_shell_gets_the_paths(self, ask):
        status, out, err = ask("env")
        found = self.evaluated(out, SSL_CERT_DIR="/etc")

        assert (status, err) == (0, "")
        assert found["SSL_CERT_FILE"] == str(ask.home / "ca-bundle.pem")
        assert found["NODE_EXTRA_CA_CERTS"] == str(ask.confdir / "mitmproxy-ca-cert.pem")
        assert "SSL_CERT_DIR" not in found
        assert not [name for name in found if name.lower().endswith("_proxy")]

    @pytest.mark.parametrize(
        ("arguments", "url"),
        [
            (["--proxy"], "http://127.0.0.1:8080"),
            (["--proxy", "http://me:x@proxy.example:3128"], "http://me:x@proxy.example:3128"),
        ],
    )
    def test_the_proxy_is_set_when_wanted(self, ask, arguments, url):
        found = self.evaluated(ask("env", *arguments)[1])

        assert found["https_proxy"] == found["HTTP_PROXY"] == url
        assert found["NODE_USE_ENV_PROXY"] == "1"

    def test_java_gets_options_where_it_is(self, ask, monkeypatch):
        monkeypatch.setenv("JAVA_HOME", "/opt/java")
        monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Xmx1g")
        found = self.evaluated(ask("env")[1])["JAVA_TOOL_OPTIONS"]

        assert found.startswith("-Xmx1g -Djavax.net.ssl.trustStore=")
        assert (ask.home / "ca-store.p12").is_file()
        assert "proxyHost" not in found
        assert "proxyHost=127.0.0.1" in ask("env", "--proxy")[1]

    def test_json_tells_what_is_set_and_unset(self, ask):
        found = json.loads(ask("env", "--shell", "json")[1])

        assert found["set"]["CURL_CA_BUNDLE"] == str(ask.home / "ca-bundle.pem")
        assert "GIT_SSL_NO_VERIFY" in found["unset"]

    def test_remarks_are_not_evaluated(self, ask, tmp_path):
        _, out, err = ask("env", confdir=tmp_path / "new")

        assert "made" in err
        assert self.evaluated(out)["CURL_CA_BUNDLE"]

    @pytest.mark.parametrize(
        "url",
        ["proxy", "http://proxy", "ftp://a:1", "http://a:99999", "http://a:1/ x", "http://:1"],
    )
    def test_a_proxy_that_is_no_url_is_refused(self, ask, url):
        status, out, err = ask("env", "--proxy", url)

        assert (status, out, err.count("\n")) == (2, "", 1)
        assert "--proxy: expected a URL such as" in err


class TestWhatCannotBe:
    """One line on the standard error, and nothing that a shell would evaluate."""

    def test_a_home_that_cannot_be_written(self, ask):
        ask.home.write_text("a file", encoding="utf-8")

        status, out, err = ask("env")

        assert (status, out, err.count("\n")) == (2, "", 1)
        assert "ca-bundle.pem: expected to write it" in err

    def test_a_broken_certificate(self, ask):
        (ask.confdir / "mitmproxy-ca-cert.pem").write_text("-----BEGIN", encoding="ascii")

        status, out, err = ask("env")

        assert (status, out, err.count("\n")) == (2, "", 1)
        assert "mitmproxy-ca-cert.pem: expected a certificate in PEM, found none" in err

    @pytest.mark.parametrize("command", ["path", "env"])
    def test_a_home_folder_of_nobody(self, ask, command):
        status, out, err = ask(command, confdir="~no-such-user/x")

        assert (status, out, err.count("\n")) == (2, "", 1)
        assert "--confdir: expected a path" in err

    def test_no_folder_is_not_the_one_where_it_happens_to_be(self, ask, monkeypatch, tmp_path):
        """An unset variable in a script must not leave a key in there."""
        monkeypatch.chdir(tmp_path)

        status, out, err = ask("path", confdir="")

        assert (status, out) == (2, "")
        assert err == "forebay ca: --confdir: expected mitmproxy's folder, found nothing\n"
        assert not list(tmp_path.glob("mitmproxy-*"))

    def test_the_home_folder_of_root_under_sudo(self, capsys, monkeypatch):
        """It would be another CA than that of the user's proxy."""
        monkeypatch.setenv("SUDO_USER", "me")

        assert ca.run(["install", "--dry-run"]) == 2

        assert "--confdir: expected mitmproxy's folder of the user" in capsys.readouterr().err


def test_help_names_the_statuses(capsys):
    with pytest.raises(SystemExit):
        ca.run(["install", "--help"])

    assert "3 something is left to be done by hand" in capsys.readouterr().out
