"""Brings a database to the shape that this release needs, by the revisions in migrations/."""

from __future__ import annotations

import zlib
from pathlib import Path

import alembic.command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from fedota_proto.errors import DatabaseError
from fedota_server.webserver import tables

_MIGRATIONS = Path(__file__).parent / "migrations"


def bring_up_to_date(connection: Connection) -> None:
    """Run the revisions that are missing, in one transaction.

    Raises
    ------
    DatabaseError
        The database is of a newer release or of another program; it is then left as it was.
    """
    sqlite = connection.dialect.name == "sqlite"
    if sqlite:
        # A table that is made anew drops its old self, which foreign keys would not let go.
        _run_outside(connection, "PRAGMA foreign_keys = OFF")
    try:
        with connection.begin():
            if not sqlite:
                connection.execute(text("SET LOCAL statement_timeout = 0"))
                wait_in_line(connection, "migrate")
            _refuse_foreign(connection)
            config = migration_config()
            config.attributes["connection"] = connection
            alembic.command.upgrade(config, "head")
            if sqlite:
                _refuse_dangling(connection)
    finally:
        if sqlite:
            _run_outside(connection, "PRAGMA foreign_keys = ON")


def current_revision(connection: Connection) -> str:
    """Tell which revision a database is of; empty before the first migration."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def wait_in_line(connection: Connection, what: str) -> None:
    """Wait for PostgreSQL's lock of this name; it is held until the transaction ends."""
    connection.execute(
        text("SELECT pg_advisory_xact_lock(:key)"), {"key": zlib.crc32(what.encode())}
    )


def migration_config() -> Config:
    """Make the configuration that Alembic's commands take."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def newest_revision() -> str:
    """Tell the revision that this release brings a database to."""
    return ScriptDirectory.from_config(migration_config()).get_current_head() or ""


def known_revisions() -> frozenset[str]:
    """List every revision that this release knows."""
    scripts = ScriptDirectory.from_config(migration_config()).walk_revisions()
    return frozenset(script.revision for script in scripts)


def _run_outside(connection: Connection, statement: str) -> None:
    """Run what SQLite takes only outside a transaction."""
    raw = connection.connection.driver_connection
    assert raw is not None  # noqa: S101 - the connection is open
    raw.execute(statement)


def _refuse_foreign(connection: Connection) -> None:
    """Refuse a schema that this release cannot bring up to its own."""
    current = MigrationContext.configure(connection).get_current_heads()
    unknown = sorted(set(current) - known_revisions())
    if unknown:
        raise DatabaseError(
            f"The database is of revision {', '.join(unknown)}, which this release does not know: "
            "it was used by a newer release of Fedota, or by another program. Install that "
            "release, restore a backup that this one made, or name another database in "
            "FEDOTA_DATABASE_URL."
        )
    if not current:
        taken = sorted(
            set(inspect(connection).get_table_names()) & set(tables.User.metadata.tables)
        )
        if taken:
            raise DatabaseError(
                f"The database holds tables that Fedota did not make ({', '.join(taken)}): name "
                "an empty database in FEDOTA_DATABASE_URL."
            )


def _refuse_dangling(connection: Connection) -> None:
    dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if dangling:
        raise DatabaseError(
            "Rows of the database point to rows that are not there, so it was left as it is: "
            "restore a backup.",
            detail=repr(dangling[:20]),
        )
