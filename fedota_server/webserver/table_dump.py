"""The database's rows as lines of JSON, the same for SQLite and PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, MetaData, Table, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from fedota_proto.errors import FolderError
from fedota_server.webserver.backup_archive import no_backup
from fedota_server.webserver.database import Database

_AT_ONCE = 500
_ALEMBICS_OWN = "alembic_version"


def database_files(database: Database) -> tuple[Path, ...]:
    """List SQLite's files, there or not; none for another database."""
    file = database.file
    return tuple(file.with_name(file.name + end) for end in ("", "-wal", "-shm")) if file else ()


def dump_tables(database: Database, folder: Path) -> dict[str, int]:
    """Write every table into a folder, all as they are at one moment.

    The schema is read from the database itself, so that one of an older release is saved as well.

    Parameters
    ----------
    database
        Nobody needs to wait for this.
    folder
        Gets ``<table>.jsonl`` for each.

    Returns
    -------
    dict of str to int
        How many rows each has.

    Raises
    ------
    DatabaseError
        The database does not answer.
    FolderError
        The folder cannot be written.
    """
    counts: dict[str, int] = {}
    options = {} if database.is_sqlite else {"isolation_level": "REPEATABLE READ"}
    with database.session() as session:
        connection = session.connection(execution_options=options)
        for table in _tables(connection):
            path = folder / f"{table.name}.jsonl"
            try:
                with path.open("w", encoding="utf-8") as file:
                    counts[table.name] = 0
                    for line in _lines(connection, table):
                        file.write(line)
                        counts[table.name] += 1
            except OSError as error:
                raise FolderError(
                    f"{path} cannot be written ({error.strerror}): free some disk space."
                ) from error
    return counts


def is_empty(database: Database) -> bool:
    """Tell whether no table holds a row, or there are none.

    Raises
    ------
    DatabaseError
        The database does not answer.
    """
    with database.session() as session:
        connection = session.connection()
        return not any(
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in _tables(connection)
        )


def load_table(connection: Connection, name: str, lines: Iterable[bytes]) -> int:
    """Insert a table's rows, as `dump_tables` wrote them.

    Parameters
    ----------
    connection
        In a transaction that may write, on a schema of the dump's revision.
    name
        The table's.
    lines
        One row each.

    Returns
    -------
    int
        How many they were.

    Raises
    ------
    FolderError
        There is no such table, or a row does not fit it.
    """
    metadata = MetaData()
    metadata.reflect(connection, only=lambda found, _: found == name)
    if name not in metadata.tables:
        raise no_backup(f"there is no table {name}")
    table = metadata.tables[name]
    count = 0
    try:
        rows = (_row(line) for line in lines)
        while chunk := list(islice(rows, _AT_ONCE)):
            connection.execute(table.insert(), chunk)
            count += len(chunk)
    except (ValueError, TypeError, SQLAlchemyError) as error:
        raise no_backup(f"a row of {name} does not fit its table") from error
    _count_on(connection, table)
    return count


def table_order(connection: Connection) -> list[str]:
    """List the tables, those that others point to first."""
    return [table.name for table in _tables(connection)]


def _tables(connection: Connection) -> list[Table]:
    metadata = MetaData()
    metadata.reflect(connection)
    return [table for table in metadata.sorted_tables if table.name != _ALEMBICS_OWN]


def _lines(connection: Connection, table: Table) -> Iterator[str]:
    rows = connection.execution_options(yield_per=_AT_ONCE).execute(
        select(table).order_by(*table.primary_key.columns)
    )
    for row in rows.mappings():
        yield json.dumps(dict(row), separators=(",", ":")) + "\n"


def _row(line: bytes) -> dict[str, Any]:
    row = json.loads(line)
    if not isinstance(row, dict):
        raise TypeError("a row is no object")
    return row


def _count_on(connection: Connection, table: Table) -> None:
    """Have PostgreSQL number new rows after those that came with their numbers."""
    if connection.dialect.name != "postgresql":
        return
    for column in table.primary_key.columns:
        name = text("SELECT pg_get_serial_sequence(:table, :column)")
        quoted = connection.dialect.identifier_preparer.format_table(table)
        sequence = connection.execute(name, {"table": quoted, "column": column.name}).scalar()
        if sequence is not None:
            last = connection.execute(select(func.max(column))).scalar()
            connection.execute(
                text("SELECT setval(CAST(:sequence AS regclass), :last, :used)"),
                {"sequence": sequence, "last": last or 1, "used": last is not None},
            )
