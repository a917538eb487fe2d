"""Uploads: to disk as they come, bounded, and gone when whoever wanted them is done."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.requests import ClientDisconnect

from fedota_proto.errors import BusyError, FolderError, StreamError
from fedota_server.webserver import receiving
from fedota_server.webserver.receiving import Receiver, StalledError, TooLargeError

MIB = 1 << 20


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_what_comes_is_lent_and_then_gone(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path / "uploads", 100)
    async with receiver.received(chunks(b"ab", b"", b"cd"), suffix=".csv") as place:
        assert place.read_bytes() == b"abcd"
        assert place.suffix == ".csv"
        assert (tmp_path / "uploads").stat().st_mode & 0o777 == 0o700
    assert not left(tmp_path / "uploads")


async def test_one_that_was_moved_away_is_none_of_its_business(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path / "uploads", 100)
    async with receiver.received(chunks(b"ab")) as place:
        place.rename(tmp_path / "kept")
    assert (tmp_path / "kept").read_bytes() == b"ab"


async def test_a_large_one_is_refused_before_and_while_it_comes(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, 3)
    with pytest.raises(TooLargeError, match="3 bytes"):
        async with receiver.received(chunks(b"ab"), declared_bytes=4):
            pytest.fail("it was taken")
    with pytest.raises(TooLargeError):
        async with receiver.received(chunks(b"ab", b"cd")):
            pytest.fail("it was taken")
    assert not left(tmp_path)


async def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    part = bytes(64 << 10)

    async def many() -> AsyncIterator[bytes]:
        for _ in range(64 * 16):
            yield part

    receiver = Receiver(tmp_path, 64 * MIB)
    tracemalloc.start()
    async with receiver.received(many()) as place:
        assert place.stat().st_size == 64 * MIB
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * MIB


async def test_an_upload_that_ends_early(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise ClientDisconnect

    with pytest.raises(StreamError, match="before it was whole"):
        async with Receiver(tmp_path, 100).received(broken()):
            pytest.fail("it was taken")
    assert not left(tmp_path)


async def test_an_upload_of_which_nothing_more_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent() -> AsyncIterator[bytes]:
        yield b"half"
        await asyncio.Event().wait()

    monkeypatch.setattr(receiving, "_QUIET_S", 0.01)
    with pytest.raises(StalledError, match="Nothing came"):
        async with Receiver(tmp_path, 100).received(silent()):
            pytest.fail("it was taken")
    assert not left(tmp_path)


async def test_a_few_at_a_time(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, 100)
    async with (
        receiver.received(chunks(b"1")),
        receiver.received(chunks(b"2")),
        receiver.received(chunks(b"3")),
        receiver.received(chunks(b"4")),
    ):
        with pytest.raises(BusyError) as caught:
            async with receiver.received(chunks(b"5")):
                pytest.fail("it was taken")
    assert caught.value.retry_after_s > 0
    async with receiver.received(chunks(b"5")) as place:
        assert place.read_bytes() == b"5"


async def test_a_disk_that_refuses(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderError, match="administrator"):
        async with Receiver(tmp_path / "file", 100).received(chunks(b"x")):
            pytest.fail("it was taken")
