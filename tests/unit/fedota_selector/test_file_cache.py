"""Files: one transfer for all, spooled, and never more than a few."""

from __future__ import annotations

import asyncio
import hashlib
import os
from pathlib import Path

import pytest

from fedota_proto.errors import CheckpointError, StreamError, UnreachableError
from fedota_proto.v1 import fl_round_pb2 as pb
from fedota_selector.file_cache import FILES_KEPT, ROUND_FRESH_S, FileCache, SpooledFile

DATA = b"0123456789" * 1_000
DIGEST = hashlib.sha256(DATA).digest()
MODEL = pb.FetchRequest(model_file=True)


async def fill(file: SpooledFile, data: bytes = DATA, *, size: int = len(DATA)) -> list[bool]:
    more = []
    for start in range(0, len(data), 4_000):
        chunk = pb.FileChunk(data=data[start : start + 4_000])
        if not start:
            chunk.size_bytes, chunk.sha256 = size, DIGEST
        more.append(await file.feed(chunk))
    return more


async def read(file: SpooledFile, stall_timeout_s: float = 5.0) -> list[pb.FileChunk]:
    return [chunk async for chunk in file.chunks(stall_timeout_s)]


async def test_readers_follow_the_writer(tmp_path: Path) -> None:
    file = SpooledFile(tmp_path)
    early = [asyncio.ensure_future(read(file)) for _ in range(3)]
    await asyncio.sleep(0)
    assert await fill(file) == [True, True, False]
    for chunks in [*await asyncio.gather(*early), await read(file)]:
        assert b"".join(chunk.data for chunk in chunks) == DATA
        assert (chunks[0].size_bytes, chunks[0].sha256) == (len(DATA), DIGEST)
        assert not any(chunk.size_bytes for chunk in chunks[1:])
    assert file.whole
    assert not os.listdir(tmp_path)


async def test_an_empty_file_is_a_file() -> None:
    file = SpooledFile(None)
    sha256 = hashlib.sha256().digest()
    assert not await file.feed(pb.FileChunk(sha256=sha256))
    (chunk,) = await read(file)
    assert (chunk.size_bytes, chunk.sha256, chunk.data) == (0, sha256, b"")


@pytest.mark.parametrize(
    "data", [DATA[:-1] + b"x", DATA + b"more"], ids=["another hash", "too long"]
)
async def test_what_is_not_as_announced_fails_for_all(data: bytes) -> None:
    file = SpooledFile(None)
    reading = asyncio.ensure_future(read(file))
    assert not (await fill(file, data))[-1]
    with pytest.raises(StreamError):
        await reading
    assert not file.whole


async def test_a_failure_reaches_those_who_read_and_comes_too_late_for_a_whole_file() -> None:
    file, whole = SpooledFile(None), SpooledFile(None)
    reading = asyncio.ensure_future(read(file))
    await asyncio.sleep(0)
    file.fail(CheckpointError("Round 7 is not kept."))
    with pytest.raises(CheckpointError):
        await reading
    assert not await file.feed(pb.FileChunk(data=b"late"))
    await fill(whole)
    whole.fail(CheckpointError("Gone."))
    assert whole.whole


async def test_a_file_that_does_not_come_is_given_up() -> None:
    cache = FileCache(None, lambda: 0.0)
    file = cache.begin(MODEL)
    with pytest.raises(UnreachableError):
        await read(file, stall_timeout_s=0.01)
    assert cache.get(MODEL) is None


async def test_the_model_stays_and_rounds_are_asked_for_again() -> None:
    now = 0.0
    cache = FileCache(None, lambda: now)
    rounds = [pb.FetchRequest(server_round=number) for number in range(1, FILES_KEPT + 1)]
    model = cache.begin(MODEL)
    await fill(model)
    first = cache.begin(rounds[0])
    assert cache.get(rounds[0]) is first
    now = ROUND_FRESH_S + 1
    assert cache.get(rounds[0]) is None
    assert cache.get(MODEL) is model
    cache.expect_model(DIGEST)
    assert cache.get(MODEL) is model
    cache.expect_model(bytes(32))
    assert cache.get(MODEL) is None
    for request in (MODEL, *rounds):
        cache.begin(request)
    assert cache.get(MODEL) is None
    assert cache.get(rounds[0]) is not None
    cache.forget_rounds()
    assert cache.get(rounds[0]) is None
