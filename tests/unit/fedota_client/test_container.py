"""What is said of folders that are not mounted as they should be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fedota_client.container import (
    Caller,
    Folder,
    data_mistake,
    home_mistake,
    kept_mistake,
    look,
)
from fedota_client.mount_table import Mount, is_rootless, mount_of, read_mounts

ROOT = Mount("/", "overlay")
DATA = Folder(Path("/data"), Mount("/data", "ext4", "/srv/ann/data"), owner=1000)
HOME = Folder(Path("/fedota"), Mount("/fedota", "ext4", "/srv/ann/fedota"), owner=1000)
ANN = Caller(1000)
OTHER = Caller(10001)

MOUNTINFO = r"""75 50 0:39 / / rw,relatime master:2 - overlay overlay rw,lowerdir=/a
76 75 0:42 / /proc rw,nosuid - proc proc rw
92 75 254:0 /srv/ann/data /data ro,relatime - ext4 /dev/vda rw
93 75 254:0 /srv/ann/my\040folder /my\040fedota rw,relatime master:1 - ext4 /dev/vda rw
94 75 0:48 / /tmp rw,nosuid - tmpfs tmpfs rw
"""


def test_folders_that_are_mounted_as_they_should_be() -> None:
    assert data_mistake(DATA, ANN) == ""
    assert data_mistake(replace(DATA, writable=False, read_only=True), OTHER) == ""
    assert home_mistake(HOME, ANN) == ""
    assert home_mistake(replace(HOME, empty=True), ANN) == ""


@pytest.mark.parametrize(
    ("folder", "caller", "parts"),
    [
        (
            replace(DATA, mount=ROOT, exists=False),
            ANN,
            ("No data is mounted at /data", '-v "$PWD/data:/data:ro"'),
        ),
        (
            replace(DATA, path=Path("/data/north"), exists=False),
            ANN,
            ("There is no /data/north", "mounted at /data"),
        ),
        (replace(DATA, empty=True), ANN, ("/data is empty", "-v FOLDER:/data:ro")),
        (
            replace(DATA, readable=False),
            OTHER,
            ("user id 10001", "user id 1000", '--user "$(id -u):$(id -g)"'),
        ),
        (replace(DATA, readable=False, mode=0o700), ANN, ("SELinux",)),
        (
            replace(DATA, readable=False),
            Caller(1000, rootless=True),
            ('--userns=keep-id --user "$(id -u):$(id -g)"', "Docker --user 0:0"),
        ),
        (replace(DATA, readable=False), Caller(0, rootless=True), ("chown it to that user",)),
    ],
)
def test_a_data_folder_and_the_remedy(
    folder: Folder, caller: Caller, parts: tuple[str, ...]
) -> None:
    said = data_mistake(folder, caller)
    for part in parts:
        assert part in said


ANONYMOUS = f"/var/lib/docker/volumes/{'0f' * 32}/_data"


@pytest.mark.parametrize(
    ("folder", "caller", "parts"),
    [
        (
            replace(HOME, mount=ROOT, exists=False),
            ANN,
            ("/fedota is not mounted", "would be lost", "mkdir -p fedota", '-v "$PWD/fedota:'),
        ),
        (replace(HOME, mount=ROOT), ANN, ("/fedota is not mounted",)),
        (replace(HOME, mount=Mount("/fedota", "tmpfs")), ANN, ("not on the host's disk",)),
        (
            replace(HOME, mount=Mount("/fedota", "ext4", ANONYMOUS)),
            ANN,
            ("not on the host's disk",),
        ),
        (replace(HOME, writable=False, read_only=True), ANN, ("leave :ro out",)),
        (
            replace(HOME, writable=False, owner=0),
            ANN,
            ("cannot be written by the user id 1000", "belongs to root", "chown"),
        ),
        (replace(HOME, writable=False), OTHER, ("belongs to the user id 1000", "--user")),
    ],
)
def test_a_folder_of_the_clients_own_and_the_remedy(
    folder: Folder, caller: Caller, parts: tuple[str, ...]
) -> None:
    said = home_mistake(folder, caller)
    for part in parts:
        assert part in said


def test_a_volume_with_a_name_is_kept() -> None:
    volume = Mount("/fedota", "ext4", "/var/lib/docker/volumes/fedota/_data")
    assert home_mistake(replace(HOME, mount=volume), ANN) == ""


def test_mounts_are_read_with_their_escapes() -> None:
    mounts = read_mounts(MOUNTINFO)
    assert mount_of(Path("/data/north"), mounts) == Mount("/data", "ext4", "/srv/ann/data")
    assert mount_of(Path("/my fedota"), mounts).root == "/srv/ann/my folder"
    assert mount_of(Path("/fedota"), mounts).at == "/"
    assert mount_of(Path("/database"), mounts).at == "/"
    assert read_mounts("nonsense\n\n") == []


def test_a_folder_in_which_nothing_can_be_looked_up() -> None:
    assert kept_mistake(replace(HOME, writable=False, read_only=True), ANN) == ""
    missing = kept_mistake(replace(HOME, exists=False, mount=ROOT), ANN)
    assert "is not mounted, so that nothing is known" in missing
    closed = kept_mistake(replace(HOME, readable=False), OTHER)
    assert "cannot be read by the user id 10001" in closed
    assert "belongs to the user id 1000" in closed


def test_whether_user_ids_are_mapped() -> None:
    assert not is_rootless("         0          0 4294967295\n")
    assert is_rootless("         0       1000          1\n         1     100000      65536\n")
    assert not is_rootless("")


def test_a_real_folder_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    assert look(tmp_path / "full").empty
    (tmp_path / "full" / "a.csv").write_text("x\n")
    full = look(tmp_path / "full")
    assert (full.exists, full.readable, full.writable, full.empty) == (True, True, True, False)
    file = look(tmp_path / "full" / "a.csv")
    assert (file.readable, file.empty) == (True, False)
    # Of one that is to be made, the nearest that is there.
    coming = look(tmp_path / "not" / "yet")
    assert (coming.exists, coming.writable) == (False, True)
