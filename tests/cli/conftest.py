"""What tests of several commands share."""

from __future__ import annotations

from collections.abc import Callable

import pytest


@pytest.fixture(name="called")
def _called(tmp_path, capsys):
    """Call a command in a home and with shipped rules of the test's own, both without any."""
    home = tmp_path / "home"
    (home / "rules").mkdir(parents=True)
    (tmp_path / "shipped").mkdir()
    (tmp_path / "shipped" / "rewrite.yaml").write_text("", encoding="utf-8")
    places = ["--home", str(home), "--rules", str(tmp_path / "shipped")]

    def call(
        run: Callable[[list[str]], int], *arguments: str, has_places: bool = True
    ) -> tuple[int, list[str], str]:
        status = run([*arguments, *(places if has_places else [])])
        out, err = capsys.readouterr()
        return status, out.replace(f"{tmp_path}/", "").splitlines(), err.replace(f"{tmp_path}/", "")

    return call
