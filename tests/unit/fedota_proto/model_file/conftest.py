"""One .keras file a test."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.keras_file import KerasFile


@pytest.fixture
def keras_file(tmp_path: Path) -> KerasFile:
    """A benign model file, not yet written."""
    return KerasFile(tmp_path)
