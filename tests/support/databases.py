"""Databases for tests: each test that asks for one runs on SQLite and on PostgreSQL.

`database` is migrated and empty; `database_url` is its address, for tests that start processes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy

from fedota_server.webserver.database import Database
from fedota_server.webserver.tables import User
from support.postgresql import postgresql_server, programs

_KINDS = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """The address of a migrated PostgreSQL database, one for the whole session."""
    found = programs()
    if found is None:
        missing = "PostgreSQL is not installed: apt-get install postgresql"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with postgresql_server(found) as folder:
        url = f"postgresql://postgres@/postgres?host={folder}"
        _migrate(url)
        yield url


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite database, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "fedota.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(params=_KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a migrated, empty database."""
    if request.param == "sqlite":
        path = tmp_path / "fedota.db"
        shutil.copyfile(request.getfixturevalue("migrated_file"), path)
        return f"sqlite:///{path}"
    url = str(request.getfixturevalue("postgresql_url"))
    _empty(url)
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated, empty database."""
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture(params=_KINDS)
def bare_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database in which no table is yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'bare.db'}"
        return
    url = str(request.getfixturevalue("postgresql_url"))
    _run(url, "DROP DATABASE IF EXISTS bare WITH (FORCE)", "CREATE DATABASE bare")
    yield url.replace("/postgres?", "/bare?")
    _run(url, "DROP DATABASE bare WITH (FORCE)")


def _migrate(url: str) -> None:
    database = Database(url)
    database.migrate()
    database.close()


def _empty(url: str) -> None:
    """Delete every row: of few, that is much faster than making the tables' files anew."""
    tables = reversed(User.metadata.sorted_tables)
    counters = "SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'"
    _run(url, "SET lock_timeout = '10s'", *(table.delete() for table in tables), counters)


def _run(url: str, *statements: str | sqlalchemy.Delete) -> None:
    engine = sqlalchemy.create_engine(
        url.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        for statement in statements:
            plain = sqlalchemy.text(statement) if isinstance(statement, str) else statement
            connection.execute(plain)
    engine.dispose()
