"""A desk over each database, a setter and a data holder."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.web_desk import WebDesk

from fedota_server.webserver.database import Database
from fedota_server.webserver.permissions import Actor, Role


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> WebDesk:
    return WebDesk(database, tmp_path)


@pytest.fixture
def setter(desk: WebDesk) -> Actor:
    return desk.person("Sara", Role.SETTER)


@pytest.fixture
def holder(desk: WebDesk) -> Actor:
    return desk.person("Hans", Role.HOLDER)
