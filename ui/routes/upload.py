"""``/upload``: files that go to disk as they come, whatever their size."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from fedota_proto.errors import FedotaError, NotFoundError, SignInError
from fedota_server.webserver.http_errors import error_body, error_headers, http_status
from fedota_server.webserver.permissions import Actor
from fedota_server.webserver.receiving import Receiver
from ui.routes.site import Site, in_thread

NAME_HEADER = "x-file-name"

_NAME_LENGTH = 200

Take = Callable[[Actor, str, Path, str], dict[str, Any]]


class Upload:
    """Takes files in and hands them to the use case that wants them.

    Parameters
    ----------
    site
        Whose.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._problems = site.platform.problems
        settings = site.settings
        self._receiver = Receiver(uploads_folder(settings.home), settings.model_max_bytes)
        self._takes: Mapping[str, Take] = {
            "model": self._take_model,
            "test": self._take_test_file,
            "sample": self._take_sample,
        }

    def routes(self) -> list[BaseRoute]:
        """List the routes."""
        return [Route("/upload/{kind}/{problem_id}", self._take, methods=["PUT", "POST"])]

    async def _take(self, request: Request) -> Response:
        try:
            return JSONResponse(await self._taken(request))
        except FedotaError as error:
            # The connection is closed: what is left of the file is not read.
            headers = error_headers(error) | {"Connection": "close"}
            return JSONResponse(error_body(error), http_status(error), headers=headers)

    async def _taken(self, request: Request) -> dict[str, Any]:
        kind, problem_id = request.path_params["kind"], request.path_params["problem_id"]
        someone = await self._site.account(request)
        if someone is None:
            raise SignInError("Sign in to upload a file.")
        if kind not in self._takes:
            raise NotFoundError(f"There is no upload named {kind[:20]!r}.")
        # Whose problem it is not learns so before the file is read.
        await in_thread(self._problems.draft, someone.actor, problem_id)
        declared_bytes = int(request.headers.get("content-length") or 0)
        async with self._receiver.received(request.stream(), declared_bytes) as place:
            name = _file_name(request)
            return await in_thread(self._takes[kind], someone.actor, problem_id, place, name)

    def _take_model(self, actor: Actor, problem_id: str, place: Path, name: str) -> dict[str, Any]:
        return {"job": self._problems.take_model(actor, problem_id, place, name)}

    def _take_test_file(
        self, actor: Actor, problem_id: str, place: Path, name: str
    ) -> dict[str, Any]:
        self._problems.take_test_file(actor, problem_id, place, name)
        return {"ok": True}

    def _take_sample(self, actor: Actor, problem_id: str, place: Path, name: str) -> dict[str, Any]:
        return {"data": self._problems.propose_data(actor, problem_id, place)}


def uploads_folder(home: Path) -> Path:
    """Return where files are kept while they come and go."""
    return home / "uploads"


def clear_uploads(home: Path) -> None:
    """Remove what uploads left that a former process did not end."""
    shutil.rmtree(uploads_folder(home), ignore_errors=True)


def _file_name(request: Request) -> str:
    name = unquote(request.headers.get(NAME_HEADER, "")).replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(one for one in name if one.isprintable())[-_NAME_LENGTH:] or "file"
