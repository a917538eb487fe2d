"""The connection to a Docker engine; what the engine refuses is said in one sentence."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import docker
from docker import errors as docker_errors

from fedota_proto.errors import EngineAwayError, ServerStartError
from fedota_server.spawners.engine_words import refusal

OLDEST_API = (1, 41)  # engine 20.10
_CALL_TIMEOUT_S = 60
_PROXY_ALONE = 502  # what the engine's proxy answers when the engine itself does not


class EngineConnection:
    """A Docker engine.

    Parameters
    ----------
    address
        Of its socket, as ``unix:///var/run/docker.sock``.

    Raises
    ------
    ServerStartError
        None answers there, or one that is too old.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        with self._said("reach the engine"):
            _knock(address)
            self._client = docker.DockerClient(
                base_url=address, version="auto", timeout=_CALL_TIMEOUT_S
            )
        self._api = self._client.api
        spoken = tuple(int(part) for part in self._api.api_version.split("."))
        if spoken < OLDEST_API:
            raise ServerStartError(
                f"The Docker engine at {address} speaks version {self._api.api_version} of its "
                f"interface; Fedota needs {'.'.join(map(str, OLDEST_API))}: install Docker 20.10 "
                "or newer."
            )

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    @contextlib.contextmanager
    def _said(self, what: str) -> Iterator[None]:
        """Say in a sentence what the engine did not do."""
        try:
            yield
        except docker_errors.ImageNotFound as error:
            raise ServerStartError(
                f"The Docker engine cannot {what}: build the images with `make images`, or name "
                "others in the settings.",
                detail=str(error),
            ) from error
        except (OSError, docker_errors.DockerException) as error:
            if isinstance(error, docker_errors.APIError) and error.status_code != _PROXY_ALONE:
                said = refusal(what, str(error.explanation or error))
                raise ServerStartError(said, detail=repr(error)) from error
            raise EngineAwayError(
                f"No Docker engine answers at {self._address}: start it, or point "
                "FEDOTA_DOCKER_HOST at its socket, and let this user reach it.",
                detail=repr(error),
            ) from error


def _knock(address: str) -> None:
    """Fail where nobody listens at a socket: the SDK would leave its own end open."""
    scheme, _, path = address.partition("://")
    if scheme == "unix":
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knocking:
            knocking.settimeout(_CALL_TIMEOUT_S)
            knocking.connect(path)
