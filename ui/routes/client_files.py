"""``/client``: what a data holder installs, for anybody; it is what this platform runs itself."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from fedota_proto.errors import FedotaError
from fedota_server.webserver.client_files import URL_FOLDER, ClientFiles
from fedota_server.webserver.http_errors import http_status
from ui.routes.form_page import message_page
from ui.routes.site import Site, in_thread


def client_routes(site: Site) -> list[BaseRoute]:
    """List the routes of the client's wheel and constraints."""
    files = ClientFiles(site.settings.home)

    async def serve(request: Request) -> Response:
        try:
            file = await in_thread(files.find, request.path_params["name"])
        except FedotaError as error:
            return message_page(
                "There is no such file",
                error.public_message,
                status=http_status(error),
                links=(("Home", "/"),),
            )
        return FileResponse(file.path, headers={"X-SHA256": file.sha256})

    return [Route(f"{URL_FOLDER}/{{name}}", serve)]
