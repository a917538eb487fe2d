"""Which files Swarm carries, and which must be on the node."""

from __future__ import annotations

from pathlib import Path

import pytest

from fedota_proto.errors import ServerStartError
from fedota_server.spawners.swarm_files import CARRIED_MOST_BYTES, carried


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    folder = tmp_path / "keys"
    (folder / "selector-1").mkdir(parents=True)
    for name in ("ca.pem", "selector-1/cert.pem", "selector-1/key.pem"):
        (folder / name).write_text("PEM")
    return folder


def test_keys_go_as_secrets_file_by_file(keys: Path) -> None:
    files = carried([keys / "selector-1", keys / "ca.pem"], keys)
    assert files.secrets == (
        keys / "selector-1" / "cert.pem",
        keys / "selector-1" / "key.pem",
        keys / "ca.pem",
    )
    assert files.configs == files.mounts == ()


def test_small_files_go_as_configurations_and_all_else_is_mounted(
    keys: Path, tmp_path: Path
) -> None:
    small, large, folder = tmp_path / "problem.toml", tmp_path / "model.keras", tmp_path / "data"
    small.write_bytes(b"x" * CARRIED_MOST_BYTES)
    large.write_bytes(b"x" * (CARRIED_MOST_BYTES + 1))
    folder.mkdir()
    empty = tmp_path / "empty"
    empty.touch()
    files = carried([small, large, folder, empty], keys)
    assert files.configs == (small,)
    assert files.mounts == (large, folder, empty)
    assert files.secrets == ()


def test_a_key_that_no_secret_holds_is_refused(keys: Path) -> None:
    (keys / "ca.pem").write_bytes(b"x" * (CARRIED_MOST_BYTES + 1))
    with pytest.raises(ServerStartError, match="500 KB"):
        carried([keys / "ca.pem"], keys)
    (keys / "ca.pem").write_bytes(b"")
    with pytest.raises(ServerStartError, match="1 byte"):
        carried([keys / "ca.pem"], keys)


def test_what_is_not_there_is_told(keys: Path, tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", keys / "nowhere"):
        with pytest.raises(ServerStartError, match="nowhere cannot be read"):
            carried([path], keys)
