"""A platform for each test, whose pages this process shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.web import Web, opened_web


@pytest.fixture
def web(tmp_path: Path, migrated_file: Path) -> Iterator[Web]:
    """A platform in a folder of its own, with an administrator."""
    with opened_web(tmp_path / "home", migrated_file) as made:
        assert made.admin.signed_in
        yield made
