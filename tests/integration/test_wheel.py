"""A built wheel in an empty environment."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from proxies import Proxy

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", name="environment")
def _environment(tmp_path_factory):
    """Return the Python of an environment that holds the wheel and what it asks for."""
    folder = tmp_path_factory.mktemp("wheel")
    uv = shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")
    python = folder / "environment" / "bin" / "python"
    for command in (
        [uv, "build", "--quiet", "--wheel", "--python", sys.executable, "--out-dir", folder, ROOT],
        [uv, "venv", "--quiet", "--python", sys.executable, folder / "environment"],
    ):
        subprocess.run(command, check=True, cwd=folder)
    (wheel,) = folder.glob("forebay-*.whl")
    subprocess.run(
        [uv, "pip", "install", "--quiet", "--python", python, wheel], check=True, cwd=folder
    )
    return python


def test_the_command_works(environment):
    done = subprocess.run(
        [environment.with_name("forebay"), "--version"], capture_output=True, text=True, check=True
    )

    assert done.stdout.startswith("forebay 0.")


def test_it_serves_with_the_rules_that_ship(environment, prepare_proxy, client_of, tmp_path):
    """``forebay proxy``, away from any checkout."""
    proxy = prepare_proxy()
    arguments = proxy.command()
    options = arguments[arguments.index("--set") :]
    options = [part for part in options if part not in ("-s", str(proxy.script))]

    class Installed(Proxy):
        def command(self):
            return [str(environment.with_name("forebay")), "proxy", *options]

    with Installed(proxy.home, proxy.confdir) as installed:
        answer = client_of(installed).get("http://sub.ads.example/")
        started = installed.wait_for("Forebay .*")[0]

    assert answer.status_code == 403
    assert "rewrite 0 rules" in started
