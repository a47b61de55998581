"""``forebay ca``: have clients trust the proxy's certificate, by variables or by their stores."""

from __future__ import annotations

import argparse
import io
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from forebay import truststore
from forebay.cli.castores import Stores, remark
from forebay.cli.output import DONE, guarded
from forebay.cli.places import add_home, home_folder
from forebay.errors import ForebayError
from forebay.paths import expanded
from forebay.recording import environment
from forebay.trust import authority, shells
from forebay.trust.authority import Authority
from forebay.trust.systemstore import SystemStore

_PROXY = "http://127.0.0.1:8080"
_EPILOG = """\
exit status: 0 done, or nothing to do; 1 a store failed; 2 the arguments or the CA are wrong;
3 something is left to be done by hand, by the commands that are printed

what is changed: on Debian and Ubuntu the file forebay-mitmproxy-ca.crt in
/usr/local/share/ca-certificates; on Linux certificates named Forebay proxy CA in the
databases of Chromium and Firefox; nothing else
"""

_DEBIAN = SystemStore()


def run(arguments: list[str], system: SystemStore = _DEBIAN) -> int:
    """Do what is asked; return 0, 1 when a store failed, 2 for a mistake, 3 for work by hand."""
    parser = argparse.ArgumentParser(prog="forebay ca")
    commands = parser.add_subparsers(dest="command", required=True)
    path = commands.add_parser("path", help="print where the certificate lies")
    path.add_argument("--bundle", action="store_true", help="the one with everybody's roots too")
    env = commands.add_parser(
        "env",
        help='print lines for a shell: eval "$(forebay ca env)"',
        epilog="fish: forebay ca env --shell fish | source; PowerShell: "
        "forebay ca env --shell powershell | Out-String | Invoke-Expression",
    )
    env.add_argument(
        "--proxy", nargs="?", const=_PROXY, metavar="URL", help=f"the proxy too, else {_PROXY}"
    )
    env.add_argument("--shell", choices=[*shells.SHELLS], default="sh", help="else sh")
    for each in (path, env):
        add_home(each)
    for name, words in (
        ("install", "have this machine and its browsers trust it"),
        ("uninstall", "undo that"),
    ):
        store = commands.add_parser(
            name,
            help=words,
            epilog=_EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        store.add_argument("--store", choices=["system", "nss", "all"], default="all")
        store.add_argument("--dry-run", action="store_true", help="say what would be done")
    for each in commands.choices.values():
        each.add_argument("--confdir", metavar="DIR", help="mitmproxy's folder, else ~/.mitmproxy")
    given = parser.parse_args(arguments)
    todo: Mapping[str, Callable[[], int]] = {
        "path": lambda: _path(given),
        "env": lambda: _env(given),
        "install": lambda: _stores(given, system).install(),
        "uninstall": lambda: _stores(given, system).uninstall(),
    }
    _take_any_path()
    return guarded("forebay ca", todo[given.command])


def _path(given: argparse.Namespace) -> int:
    found = _made(given)
    print(authority.bundle(found.path, _home(given)) if given.bundle else found.path)
    return DONE


def _env(given: argparse.Namespace) -> int:
    url = _PROXY if given.proxy is None else _proxy_url(given.proxy)
    found = _made(given)
    bundle = authority.bundle(found.path, _home(given))
    settings = environment.variables(url, str(found.path), str(bundle))
    if given.proxy is None:
        settings = {
            name: value for name, value in settings.items() if not name.lower().endswith("_proxy")
        }
    if truststore.is_wanted(os.environ):
        store = authority.java_store(found.path, _home(given))
        settings[environment.JAVA] = environment.java_options(
            "" if given.proxy is None else url,
            str(store),
            truststore.PASSWORD,
            os.environ.get(environment.JAVA, ""),
        )
    print(shells.lines(settings, environment.ABSENT, given.shell), end="")
    return DONE


def _proxy_url(text: str) -> str:
    """Return *text* if it is the URL of a proxy.

    Raises:
        ForebayError: when it is not.
    """
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port is not None
    except ValueError:
        good = False
    if not good or not text.isprintable() or " " in text:
        raise ForebayError(f"--proxy: expected a URL such as {_PROXY}, found {text!r:.100}")
    return text


def _stores(given: argparse.Namespace, system: SystemStore) -> Stores:
    wanted = ("system", "nss") if given.store == "all" else (given.store,)
    return Stores(_confdir(given), wanted, system, dry=given.dry_run)


def _confdir(given: argparse.Namespace) -> Path:
    """Return mitmproxy's folder.

    Raises:
        ForebayError: when it is another user's home folder, or none.
    """
    if given.confdir == "":
        raise ForebayError("--confdir: expected mitmproxy's folder, found nothing")
    if given.confdir is not None:
        return expanded("--confdir", given.confdir).absolute()
    if os.environ.get("SUDO_USER") and given.command != "uninstall":
        raise ForebayError(
            "--confdir: expected mitmproxy's folder of the user who runs the proxy, found none, "
            "and under sudo ~ is another one"
        )
    return expanded("--confdir", "~/.mitmproxy").absolute()


def _made(given: argparse.Namespace) -> Authority:
    found = authority.find(_confdir(given), time.time())
    assert found is not None
    if found.made:
        remark(f"{found.path}: made, as there was none")
    return found


def _home(given: argparse.Namespace) -> Path:
    return home_folder(given).absolute()


def _take_any_path() -> None:
    """Print the bytes of a path as they are; on Windows, where they are characters, in UTF-8."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(
            encoding="utf-8" if sys.platform == "win32" else None, errors="surrogateescape"
        )
