"""The records of the traffic log as the table ``log`` of DuckDB, an optional extra.

The database lies in a folder of its own that is removed at the end; what it
holds in memory is bounded.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from forebay.cli.logsource import Source
from forebay.errors import ForebayError
from forebay.export import columns

_BATCH_BYTES = 32 * 1024 * 1024
_MEMORY = "512MB"
_LARGEST_ROW_BYTES = 16 * 1024 * 1024
_SETTINGS: dict[str, Any] = {
    "memory_limit": _MEMORY,
    "threads": 2,  # each holds buffers of its own
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "python_enable_replacements": False,  # else a table's name may be that of a variable of ours
}


@contextmanager
def opened(source: Source) -> Iterator[Any]:
    """Yield a connection to a database that holds the records of *source*.

    Raises:
        ForebayError: when DuckDB is missing or fails, or the log cannot be read.
    """
    duckdb = _duckdb()
    with tempfile.TemporaryDirectory(prefix="forebay-") as name:
        folder = Path(name)
        try:
            settings = _SETTINGS | {"temp_directory": str(folder / "spill")}
            with duckdb.connect(str(folder / "log.db"), config=settings) as database:
                _fill(database, source, folder / "batch.json")
                yield database
        except duckdb.Error as error:
            raise ForebayError(first_line(error)) from None
        except RuntimeError as error:
            if str(error) == "Query interrupted":  # by Ctrl-C
                raise KeyboardInterrupt from None
            raise


def _duckdb() -> Any:
    try:
        import duckdb
    except ImportError:
        raise ForebayError(
            "expected DuckDB, which is not installed: pip install 'forebay[duckdb]'"
        ) from None
    return duckdb


def check(sql: str) -> None:
    """See that *sql* is a statement, before a long log is read for it.

    Raises:
        ForebayError: when it is none, or DuckDB is missing.
    """
    duckdb = _duckdb()
    try:
        found = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise ForebayError(first_line(error)) from None
    if not found:
        raise ForebayError("expected a statement of SQL, found none")


def first_line(error: Exception) -> str:
    """Return what DuckDB says, without the excerpt of the statement below it."""
    return str(error).partition("\n")[0]


def seal(database: Any) -> None:
    """Leave *database* no way to files, the network or its own settings."""
    database.execute("SET enable_external_access = false")
    database.execute("SET lock_configuration = true")


def write_parquet(database: Any, path: Path) -> None:
    """Write all records to the file *path*, which keeps its mode."""
    database.execute(
        f"COPY log TO {_quoted(str(path))} (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)"
    )


def _fill(database: Any, source: Source, batch: Path) -> None:
    defined = ", ".join(f'"{name}" {kind}' for name, kind in columns.COLUMNS.items())
    database.execute(f"CREATE TABLE log ({defined})")
    rows = source.read(columns.row)
    is_more = True
    while is_more:
        size_bytes = largest_bytes = 0
        is_more = False
        with batch.open("wb") as file:
            for row in rows:
                file.write(row)
                size_bytes += len(row)
                largest_bytes = max(largest_bytes, len(row))
                if size_bytes >= _BATCH_BYTES:
                    is_more = True
                    break
        if size_bytes:
            _load(database, batch, max(largest_bytes + 1, _LARGEST_ROW_BYTES))
    batch.unlink()


def _load(database: Any, batch: Path, row_bytes: int) -> None:
    types = ", ".join(f"{name}: {_quoted(kind)}" for name, kind in columns.COLUMNS.items())
    database.execute(
        f"INSERT INTO log SELECT * FROM read_json({_quoted(str(batch))}, "  # noqa: S608  (ours)
        f"format = 'newline_delimited', maximum_object_size = {row_bytes}, "
        f"columns = {{{types}}})"
    )


def _quoted(text: str) -> str:
    """Return *text* as a literal of SQL.

    >>> _quoted("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"
