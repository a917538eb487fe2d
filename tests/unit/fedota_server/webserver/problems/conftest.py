"""A desk over each database, a setter and a data holder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.web_desk import WebDesk

from fedota_server.webserver.database import Database
from fedota_server.webserver.permissions import Actor, Role


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> WebDesk:
    return WebDesk(database, tmp_path)


@pytest.fixture
def plain_desk(migrated_file: Path, tmp_path: Path) -> Iterator[WebDesk]:
    """A desk over SQLite alone, for what no database decides."""
    copied = tmp_path / "plain.db"
    shutil.copyfile(migrated_file, copied)
    database = Database(f"sqlite:///{copied}")
    yield WebDesk(database, tmp_path)
    database.close()


@pytest.fixture
def setter(desk: WebDesk) -> Actor:
    return desk.person("Sara", Role.SETTER)


@pytest.fixture
def holder(desk: WebDesk) -> Actor:
    return desk.person("Hans", Role.HOLDER)
