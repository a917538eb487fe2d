"""A problem's image from an archive of the client's: whole, small, the same each time."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.saved_images import LAYERS, save_new, save_old, tar_of

from fedota_proto.data_format import read_format_file
from fedota_proto.errors import FolderError
from fedota_server.problem_image.client_archive import ClientArchive
from fedota_server.problem_image.image_archive import ImageArchive
from fedota_server.problem_image.problem_image import ProblemFacts, problem_image
from fedota_server.problem_image.squeezing import squeeze

FORMAT = """[problem]
title = "Tumours"

[data]
kind = "table"

[[data.columns]]
name = "size"
type = "number"

[[data.columns]]
name = "answer"
type = "category"
allowed = ["no", "yes"]
target = true
"""
FACTS = ProblemFacts(
    problem_id="abcdef123456",
    title="Tumours “€”",
    selectors=(("fedota.example:20001", "selector-1.abcdef123456.fedota"),),
    webserver="fedota.example:8502",
    format_toml=FORMAT,
)

Save = Callable[[Path], None]


@pytest.fixture(params=[save_old, save_new])
def saved(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The client's archive, in each form that engines write."""
    path = tmp_path / "client.tar"
    request.param(path)
    return path


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path, "r:") as archive:
        return {
            one.name: file.read()
            for one in archive
            if (file := archive.extractfile(one)) is not None
        }


def raw(data: bytes) -> bytes:
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


def made(saved: Path, out: Path) -> dict[str, bytes]:
    problem_image(ClientArchive.read(saved), FACTS).write(out)
    return members(out)


def test_it_is_an_oci_layout_whose_hashes_hold(saved: Path, tmp_path: Path) -> None:
    files = made(saved, tmp_path / "out.tar")
    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    for name, data in files.items():
        if name.startswith("blobs/sha256/"):
            assert hashlib.sha256(data).hexdigest() == name.rpartition("/")[2]
    (entry,) = json.loads(files["index.json"])["manifests"]
    manifest = json.loads(files[blob(entry)])
    assert len(files[blob(entry)]) == entry["size"]
    config = json.loads(files[blob(manifest["config"])])
    layers = [files[blob(one)] for one in manifest["layers"]]
    assert [len(one) for one in layers] == [one["size"] for one in manifest["layers"]]
    hashes = [f"sha256:{hashlib.sha256(raw(one)).hexdigest()}" for one in layers]
    assert config["rootfs"]["diff_ids"] == hashes
    assert len(config["history"]) == len(layers) == 3
    assert tuple(raw(one) for one in layers[:2]) == LAYERS
    for one, data in zip(manifest["layers"], layers, strict=True):
        assert one["mediaType"].endswith("+gzip") == data.startswith(b"\x1f\x8b")


def blob(descriptor: dict[str, Any]) -> str:
    return f"blobs/{descriptor['digest'].replace(':', '/')}"


def test_it_is_what_older_engines_load_too(saved: Path, tmp_path: Path) -> None:
    files = made(saved, tmp_path / "out.tar")
    (entry,) = json.loads(files["manifest.json"])
    assert entry["RepoTags"] == ["fedota/client-abcdef123456:latest"]
    config = json.loads(files[entry["Config"]])
    hashes = [hashlib.sha256(raw(files[name])).hexdigest() for name in entry["Layers"]]
    assert [f"sha256:{one}" for one in hashes] == config["rootfs"]["diff_ids"]
    labels = config["config"]["Labels"]
    assert labels == {"io.fedota.image": "client", "io.fedota.problem": "abcdef123456"}
    assert config["config"]["Env"] == ["PATH=/bin"]


def test_the_layer_holds_addresses_and_format(saved: Path, tmp_path: Path) -> None:
    files = made(saved, tmp_path / "out.tar")
    (entry,) = json.loads(files["manifest.json"])
    with tarfile.open(fileobj=io.BytesIO(files[entry["Layers"][-1]])) as layer:
        assert {one.name for one in layer} == {
            "opt/fedota/problem",
            "opt/fedota/problem/format.toml",
            "opt/fedota/problem/problem.json",
        }
        assert {(one.uid, one.mtime) for one in layer} == {(0, 0)}
        layer.extractall(tmp_path, filter="data")
    folder = tmp_path / "opt" / "fedota" / "problem"
    about = json.loads((folder / "problem.json").read_text())
    assert about["selectors"] == [["fedota.example:20001", "selector-1.abcdef123456.fedota"]]
    assert about["webserver"] == "fedota.example:8502"
    assert read_format_file(folder / "format.toml").title == "Tumours"


def test_the_same_makes_the_same_bytes(saved: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.tar", tmp_path / "second.tar"
    image = problem_image(ClientArchive.read(saved), FACTS)
    sha256 = image.write(first)
    made(saved, second)
    assert first.read_bytes() == second.read_bytes() == b"".join(image.chunks())
    assert sha256 == image.sha256() == hashlib.sha256(first.read_bytes()).hexdigest()
    assert image.size_bytes == first.stat().st_size


def test_compressing_keeps_the_image_and_its_id(tmp_path: Path) -> None:
    saved, small, out = tmp_path / "saved", tmp_path / "small.tar", tmp_path / "out.tar"
    save_old(saved)
    before = ClientArchive.read(saved)
    squeeze(before, small)
    after = ClientArchive.read(small)
    assert small.stat().st_size < saved.stat().st_size / 10
    assert (after.config, after.tags) == (before.config, before.tags)
    assert [raw(one.piece.read()) for one in after.layers] == list(LAYERS)
    files = made(small, out)
    assert json.loads(files["manifest.json"])[0]["RepoTags"] != list(before.tags)
    assert {path.name for path in tmp_path.iterdir()} == {"saved", "small.tar", "out.tar"}


# Bad input.


def test_an_archive_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="`make images` saves it, or set FEDOTA_CLIENT_ARCHIVE"):
        ClientArchive.read(tmp_path / "none.tar")


def test_an_archive_that_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="cannot be read"):
        ClientArchive.read(tmp_path)


@pytest.mark.parametrize("kept", [0, 100, 5000, 0.3])
def test_an_archive_that_is_cut_short(saved: Path, kept: float) -> None:
    size = saved.stat().st_size
    os.truncate(saved, int(kept if kept > 1 else kept * size))
    with pytest.raises(FolderError, match="is no whole archive of the client's image"):
        ClientArchive.read(saved)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"manifest.json": b"["},
        {"manifest.json": b"[]"},
        {"manifest.json": b"{}"},
        {"manifest.json": b'[{"Config": "c", "Layers": []}]'},
        {"manifest.json": b'[{"Config": "c", "Layers": ["l"]}]', "c": b"{}", "l": b""},
        {"manifest.json": b'[{"Config": "c", "Layers": 3}]', "c": b'{"rootfs":{"diff_ids":[]}}'},
    ],
)
def test_a_tar_that_is_no_image(tmp_path: Path, files: dict[str, bytes]) -> None:
    path = tmp_path / "client.tar"
    path.write_bytes(tar_of(files))
    with pytest.raises(FolderError, match="is no whole archive of the client's image"):
        ClientArchive.read(path)


def test_a_layer_that_is_damaged_is_found_while_it_is_written(saved: Path, tmp_path: Path) -> None:
    image = problem_image(ClientArchive.read(saved), FACTS)
    piece = image.layers[1].piece
    with saved.open("r+b") as file:
        file.seek(piece.offset + piece.size_bytes // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
    out = tmp_path / "out.tar"
    with pytest.raises(FolderError, match="is damaged: a layer is not what its hash says"):
        image.write(out)
    with pytest.raises(FolderError, match="is damaged"):
        image.sha256()
    assert {path.name for path in tmp_path.iterdir()} == {"client.tar"}


def test_a_damaged_layer_is_not_compressed(tmp_path: Path) -> None:
    saved, out = tmp_path / "saved", tmp_path / "small.tar"
    save_old(saved)
    saved.write_bytes(saved.read_bytes().replace(b"oneone", b"oneOne", 1))
    with pytest.raises(FolderError, match="is damaged"):
        squeeze(ClientArchive.read(saved), out)
    assert {path.name for path in tmp_path.iterdir()} == {"saved"}


def test_no_room_leaves_nothing_and_says_how_much_is_needed(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    image = problem_image(ClientArchive.read(saved), FACTS)
    with pytest.raises(FolderError, match=r"No space left on device\): .* are needed there"):
        image.write(tmp_path / "out.tar")
    assert {path.name for path in tmp_path.iterdir()} == {"client.tar"}


def test_a_place_that_is_not_there(saved: Path, tmp_path: Path) -> None:
    image = problem_image(ClientArchive.read(saved), FACTS)
    with pytest.raises(FolderError, match="No such file or directory"):
        image.write(tmp_path / "none" / "out.tar")


def test_memory_stays_flat(tmp_path: Path) -> None:
    big = tmp_path / "client.tar"
    save_old(big, (tar_of({"big": bytes(64 << 20)}),))
    image: ImageArchive = problem_image(ClientArchive.read(big), FACTS)
    assert max(len(chunk) for chunk in image.chunks()) <= 1 << 20
