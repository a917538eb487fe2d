"""The client that data holders install, from the platform itself."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from fedota_server.webserver.api.context import Asker, ThePlatform
from fedota_server.webserver.client_files import ClientFiles
from fedota_server.webserver.permissions import Action, require

router = APIRouter(tags=["memberships"])


class Installation(BaseModel):
    """What a data holder installs."""

    install_command: str = Field(description="Wheel and constraints come from this platform.")
    wheel: str = Field(description="The wheel's address.")
    sha256: str = Field(description="Of the wheel, hexadecimal; pip checks it.")
    constraints: str = Field(description="The address of the exact versions beside it.")
    image: str = Field(description="The client's Docker image; empty where there is none.")


@router.get("/client")
def read_client(platform: ThePlatform, actor: Asker, request: Request) -> Installation:
    """Tell how to install the client; its files are there for anybody."""
    require(actor, Action.SEE_CATALOGUE)
    files: ClientFiles = request.app.state.client_files
    bundle, base = files.bundle(), platform.settings.page_url
    return Installation(
        install_command=files.install_command(base),
        wheel=f"{base}{bundle.wheel.url_path}",
        sha256=bundle.wheel.sha256,
        constraints=f"{base}{bundle.constraints.url_path}",
        image=platform.settings.client_image,
    )
