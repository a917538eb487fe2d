"""``/upload``: files that go to disk as they come, whatever their size."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from fedota_proto.errors import (
    BusyError,
    FedotaError,
    NotFoundError,
    SignInError,
    UnreachableError,
    UsageError,
)
from fedota_proto.units import size_words
from fedota_server.webserver.http_errors import error_body, error_headers, http_status
from fedota_server.webserver.permissions import Actor
from ui.routes.site import Site, in_thread

NAME_HEADER = "x-file-name"

_AT_ONCE = 4
_QUIET_S = 60.0  # within which more must come
_WRITE_BYTES = 1 << 20
_NAME_LENGTH = 200

Take = Callable[[Actor, str, Path, str], dict[str, Any]]


class TooLargeError(UsageError):
    """An upload beyond the setting for the largest."""


class Upload:
    """Takes files in and hands them to the use case that wants them.

    Parameters
    ----------
    site
        Whose.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._folder = site.settings.home / "uploads"
        self._most_bytes = site.settings.model_max_bytes
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._takes: dict[str, Take] = {
            "model": self._take_model,
            "test": self._take_test_file,
            "sample": self._take_sample,
        }

    def routes(self) -> list[BaseRoute]:
        """List the routes."""
        return [Route("/upload/{kind}/{problem_id}", self._take, methods=["PUT", "POST"])]

    async def _take(self, request: Request) -> Response:
        kind, problem_id = request.path_params["kind"], request.path_params["problem_id"]
        someone = await self._site.account(request)
        if someone is None:
            return _refused(SignInError("Sign in to upload a file."))
        if kind not in self._takes:
            return _refused(NotFoundError(f"There is no upload named {kind[:20]!r}."))
        try:
            await in_thread(self._site.platform.problems.draft, someone.actor, problem_id)
            async with self._received(request) as place:
                name = _file_name(request)
                taken = await in_thread(self._takes[kind], someone.actor, problem_id, place, name)
        except TooLargeError as error:
            return _refused(error, 413)
        except TimeoutError:
            text = f"Nothing came for {_QUIET_S:g} s: upload the file again."
            return _refused(UnreachableError(text), 408)
        except ClientDisconnect:
            return Response(status_code=400)  # which nobody reads
        except FedotaError as error:
            return _refused(error)
        return JSONResponse(taken)

    @asynccontextmanager
    async def _received(self, request: Request) -> AsyncIterator[Path]:
        self._refuse_too_large(int(request.headers.get("content-length") or 0))
        if self._places.locked():
            raise BusyError("Other files are being uploaded: try again soon.", retry_after_s=10)
        async with self._places:
            await in_thread(self._folder.mkdir, 0o700, True, True)
            place = self._folder / f"{secrets.token_hex(16)}.part"
            try:
                with place.open("xb") as file:
                    await self._write(request, file)
                yield place
            finally:
                place.unlink(missing_ok=True)

    async def _write(self, request: Request, file: IO[bytes]) -> None:
        waiting = bytearray()
        received_bytes = 0
        chunks = request.stream()
        while True:
            async with asyncio.timeout(_QUIET_S):
                chunk = await anext(chunks, None)
            if chunk is None:
                break
            received_bytes += len(chunk)
            self._refuse_too_large(received_bytes)
            waiting += chunk
            if len(waiting) >= _WRITE_BYTES:
                await in_thread(file.write, bytes(waiting))
                waiting.clear()
        await in_thread(file.write, bytes(waiting))

    def _refuse_too_large(self, size_bytes: int) -> None:
        if size_bytes > self._most_bytes:
            raise TooLargeError(
                f"The file is larger than {size_words(self._most_bytes)}, the most that this "
                "platform takes."
            )

    def _take_model(self, actor: Actor, problem_id: str, place: Path, name: str) -> dict[str, Any]:
        return {"job": self._site.platform.problems.take_model(actor, problem_id, place, name)}

    def _take_test_file(
        self, actor: Actor, problem_id: str, place: Path, name: str
    ) -> dict[str, Any]:
        self._site.platform.problems.take_test_file(actor, problem_id, place, name)
        return {"ok": True}

    def _take_sample(self, actor: Actor, problem_id: str, place: Path, name: str) -> dict[str, Any]:
        return {"data": self._site.platform.problems.propose_data(actor, problem_id, place)}


def clear_uploads(home: Path) -> None:
    """Remove what uploads left that a former process did not end."""
    shutil.rmtree(home / "uploads", ignore_errors=True)


def _file_name(request: Request) -> str:
    name = unquote(request.headers.get(NAME_HEADER, "")) or "file"
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(one for one in last if one.isprintable())[-_NAME_LENGTH:] or "file"


def _refused(error: FedotaError, status: int = 0) -> Response:
    """Answer with an error, and close the connection: what is left of the file is not read."""
    headers = error_headers(error) | {"Connection": "close"}
    return JSONResponse(error_body(error), status or http_status(error), headers=headers)
