"""The architecture: who may import what, and a test file for every module."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "addons" / "forebay"
MODULES = sorted(PACKAGE.rglob("*.py"))

POLICY_MODULES = {
    ".": "addresses bypass charsets contentcoding endtoend errors mediatype names regexes schema secret yamltree",
    "blocklist": "altsvc answer changes clients directives domains expiry expression facts fieldmatch "
    "index judge "
    "matcher modifier modifiers options parse pattern policies policyfields policyfile removeparam "
    "request resource rule stubs verdict",
    "rewrite": "answer body bodyedits charles charleslocation charlesrules cookies csp dnr dnraction "
    "dnrcondition dnrurl edits exchange fields importer index jsonpointer jsonschema lint match models "
    "parse partedits patterns plainxml query replay rule run template trial urledit whole",
    "cache": "breaker cache_status checksum collapse combine completion conditional counts dates decision "
    "directives entry freshness headers invalidation key largebody parse ranges references rule selection shape "
    "staleness statuses storable structured targeted validation vary",
    "trafficlog": "backlog bodyrecord failure parts record recordschema redact redactbody "
    "redactparse rotation sampling scan secretvalues trouble",
    "inspect": "arithmetic comment explain marker",
    "report": "chart document figures histogram line listing oneline page rows scale selection "
    "sequence series style summary table tally",
    "export": "columns combined converter csvrows har harcookies harmessage hartimings lines",
    "trust": "certificate instructions passing rejections remedy shells",
    "recording": "archive assertions bodytext cassette cassettefile cassettepath clean conversation "
    "environment failures hints interaction match plan sockettext talk tape told yamltext",
}
"""What decides."""
OTHER_MODULES = {
    ".": "announce cabundle control controlfile controlserver outcome paths regularfile rulefile "
    "rulefiles settings shipped status truststore watch wholefile",
    "blocklist": "addon asked catalog changing config current download load reading refusal responses "
    "sources transfer updates",
    "rewrite": "addon editor flows load localfile",
    "cache": "addon answer background collector config crowd database disk draft filedisk folder "
    "generation intake inventory judge load lookup notices pending plan purge ram rawdisk resolution rulebook "
    "store update valuefile variants",
    "trafficlog": "addon archive capture choice clients connection exchange filelock ledger "
    "logfile logfiles packing reader recorder redaction rotating writer writing",
    "inspect": "account addon commands contentview ending label ownlist trim",
    "trust": "addon authority nss systemstore tool",
    "report": "follow terminal",
    "recording": "addon claims config controlclient fixture launcher loopback passedon plugin "
    "proxycommand proxyprocess recorder session standin store",
}
"""Glue (hooks, options, mitmproxy's objects) and I/O (files, threads, clocks)."""
WHOLE_FOLDERS = {"cli", "proxycore", "turbo"}
"""Folders without policy."""

IMPURE = {
    "asyncio", "concurrent", "datetime.now", "io", "logging", "mitmproxy", "multiprocessing", "os",
    "queue", "random", "select", "socket", "sqlite3", "subprocess", "tempfile", "threading", "time",
    "diskcache", "watchfiles", "requests", "httpx",
}  # fmt: skip


def listed(path: Path, modules: dict[str, str]) -> bool:
    folder = path.parent.relative_to(PACKAGE).as_posix()
    return path.stem in modules.get(folder, "").split()


def is_policy(path: Path) -> bool:
    return listed(path, POLICY_MODULES)


def imports(path: Path) -> set[str]:
    """Return every module that *path* imports, late imports included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update({node.module, *(f"{node.module}.{alias.name}" for alias in node.names)})
    return found


def name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


POLICY = [path for path in MODULES if is_policy(path)]


def test_every_module_is_policy_or_not():
    """So that a new one is a decision."""
    undecided = [
        name(path)
        for path in MODULES
        if path.name != "__init__.py"
        and path.relative_to(PACKAGE).parts[0] not in WHOLE_FOLDERS
        and listed(path, POLICY_MODULES) == listed(path, OTHER_MODULES)
    ]

    assert undecided == []


@pytest.mark.parametrize("path", POLICY, ids=name)
def test_policy_is_pure(path):
    """No mitmproxy, clock, files or threads; and policy imports policy only."""
    impure = {module for module in imports(path) if module.split(".")[0] in IMPURE}
    own = {module for module in imports(path) if module.startswith("forebay.")}
    targets = {PACKAGE.joinpath(*module.split(".")[1:]).with_suffix(".py") for module in own}

    assert impure == set()
    assert [name(t) for t in targets if t.exists() and not is_policy(t)] == []


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_only_proxycore_leans_on_private_names(path):
    """The core's layers are imported nowhere else."""
    if path.relative_to(PACKAGE).parts[0] in ("proxycore", "turbo"):
        return

    private = {m for m in imports(path) if m.startswith("mitmproxy.proxy.layers")}

    assert private == set()


def test_only_bodies_sets_a_stream():
    """Others register."""
    setters = {
        name(path)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Assign)
        and any(isinstance(t, ast.Attribute) and t.attr == "stream" for t in node.targets)
    }

    assert setters <= {
        f"proxycore/{module}.py" for module in ("bodies", "cutting", "holding", "upload")
    }


def has_code(path: Path) -> bool:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for node in body
    )


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_every_module_has_its_test_file(path):
    relative = path.relative_to(PACKAGE)
    if not has_code(path):
        return
    test = f"test_{relative.parent.name if path.name == '__init__.py' else path.stem}.py"

    assert (ROOT / "tests" / relative.parent / test).is_file()


OPTIONS_OF_MITMPROXY = """
from mitmproxy import options
from mitmproxy.tools import dump, web
import asyncio, sys
async def main():
    for kind in (dump.DumpMaster, web.master.WebMaster):
        master = kind(options.Options())
        print(*master.options.keys())
asyncio.run(main())
"""


def test_no_option_is_mitmproxys_own():
    """Declaring one again only warns."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", OPTIONS_OF_MITMPROXY],
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = set(done.stdout.split())
    ours = {
        node.args[0].value
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "add_option"
        and isinstance(node.args[0], ast.Constant)
    }

    assert len(theirs) > 80
    assert len(ours) > 10
    assert ours & theirs == set()


POSIX_ONLY = ["fcntl", "pwd", "grp", "resource", "termios", "tty", "pty", "syslog"]


def test_all_modules_import_without_posix():
    """On Windows these are missing."""
    hidden = "\n".join(f"sys.modules[{module!r}] = None" for module in POSIX_ONLY)
    wanted = [
        ".".join(("forebay", *p.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
            ".__init__"
        )
        for p in MODULES
    ]
    # What mitmproxy itself needs is imported before the modules are hidden.
    script = (
        "import sys, importlib, mitmproxy.tools.dump, diskcache, msgspec, watchfiles, pydantic\n"
        f"{hidden}\nfor name in {wanted!r}: importlib.import_module(name)\n"
    )

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT / "addons")},
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_the_entry_script_is_a_list_and_nothing_else():
    """A function in it would be called as a hook of its name."""
    tree = ast.parse((ROOT / "addons" / "main.py").read_text(encoding="utf-8"))

    assert {type(node) for node in tree.body} <= {ast.Expr, ast.ImportFrom, ast.Assign}
