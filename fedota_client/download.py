"""A file that comes as a stream of chunks, written beside its place and checked."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from grpc.aio import EOF

from fedota_proto.errors import FolderError, ModelFileError, StreamError
from fedota_proto.v1 import fl_round_pb2 as pb


async def save_file(
    read: Callable[[], Awaitable[pb.FileChunk | object]],
    path: Path,
    max_bytes: int,
    on_progress: Callable[[int, int], None],
    *,
    peer: str,
) -> str:
    """Save a stream of chunks as a file.

    Parameters
    ----------
    read
        Waits for the next chunk; `grpc.aio.EOF` at the end.
    path
        Where to; renamed into place once size and hash fit.
    max_bytes
        Largest file that is taken.
    on_progress
        Told the bytes that have come, and in all.
    peer
        The sender, as the subject of a sentence.

    Returns
    -------
    str
        The SHA-256 in hex.

    Raises
    ------
    ModelFileError
        The file is too large.
    StreamError
        It is cut off, or not what its hash says.
    FolderError
        It cannot be written.
    """
    part = path.with_name(path.name + ".part")
    digest = hashlib.sha256()
    first = await read()
    if not isinstance(first, pb.FileChunk):
        raise StreamError(f"{peer} sent no file: try again.")
    if first.size_bytes > max_bytes:
        raise ModelFileError(
            f"The model's file has {first.size_bytes} bytes; this client takes at most {max_bytes} "
            "(FEDOTA_CLIENT_MODEL_MAX_BYTES)."
        )
    done = 0
    chunk: pb.FileChunk | object = first
    try:
        with part.open("wb") as file:
            while isinstance(chunk, pb.FileChunk):
                done += len(chunk.data)
                if done > first.size_bytes:
                    break
                digest.update(chunk.data)
                file.write(chunk.data)
                on_progress(done, first.size_bytes)
                chunk = await read() if done < first.size_bytes else EOF
        if done != first.size_bytes or digest.digest() != first.sha256:
            raise StreamError(f"{peer} sent a damaged file: try again.")
        part.rename(path)
    except OSError as error:
        raise FolderError(
            f"{path} cannot be written ({error.strerror}): check its owner and free space."
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return digest.hexdigest()
