"""A file that comes in chunks is whole and right, or it is not there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from grpc.aio import EOF

from fedota_client.download import save_file
from fedota_proto.errors import FedotaError, FolderError, ModelFileError, StreamError
from fedota_proto.v1 import fl_round_pb2 as pb

CONTENT = b"model" * 100
SHA256 = hashlib.sha256(CONTENT).digest()


def reader(*chunks: pb.FileChunk) -> Callable[[], Awaitable[pb.FileChunk | object]]:
    rest = iter(chunks)

    async def read() -> pb.FileChunk | object:
        return next(rest, EOF)

    return read


def first(data: bytes, size_bytes: int = len(CONTENT), sha256: bytes = SHA256) -> pb.FileChunk:
    return pb.FileChunk(size_bytes=size_bytes, sha256=sha256, data=data)


async def save(path: Path, *chunks: pb.FileChunk, max_bytes: int = 10_000) -> list[int]:
    seen: list[int] = []
    got = await save_file(
        reader(*chunks), path, max_bytes, lambda done, size: seen.append(done), peer="The peer"
    )
    assert got == SHA256.hex()
    return seen


async def test_it_is_saved_whole(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    seen = await save(path, first(CONTENT[:200]), pb.FileChunk(data=CONTENT[200:]))
    assert path.read_bytes() == CONTENT
    assert seen == [200, 500]
    assert os.listdir(tmp_path) == ["model.keras"]


@pytest.mark.parametrize(
    ("chunks", "error", "words"),
    [
        ([], StreamError, "no file"),
        ([first(CONTENT[:200])], StreamError, "damaged"),
        ([first(CONTENT + b"x")], StreamError, "damaged"),
        ([first(CONTENT, sha256=b"\0" * 32)], StreamError, "damaged"),
        ([first(b"", size_bytes=10_001)], ModelFileError, "10001 bytes"),
    ],
)
async def test_what_is_not_whole_leaves_the_old_file(
    tmp_path: Path, chunks: list[pb.FileChunk], error: type[FedotaError], words: str
) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(b"old")
    with pytest.raises(error, match=words):
        await save(path, *chunks)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model.keras"]


async def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="cannot be written"):
        await save(tmp_path / "nowhere" / "model.keras", first(CONTENT))
