"""Entry point of the engine's proxy: ``python -m fedota_server.engine_proxy``."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
from collections.abc import Iterator

import httpx
import uvicorn

from fedota_proto.errors import FedotaError
from fedota_proto.settings_check import load_settings
from fedota_server.engine_proxy.app import EngineProxy
from fedota_server.engine_proxy.parts import Limits
from fedota_server.engine_proxy.rules import EngineRules
from fedota_server.engine_proxy.settings import EngineProxySettings
from fedota_server.engine_proxy.swarm_rules import SwarmRules
from fedota_server.spawners.address_pool import AddressPool

_STOP_S = 5


@contextlib.contextmanager
def _listening(settings: EngineProxySettings) -> Iterator[socket.socket]:
    """Make the socket that the webserver's group, and nobody else, may use."""
    settings.listen.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as place:
        before = os.umask(0o177)
        try:
            place.bind(str(settings.listen))
        finally:
            os.umask(before)
        if os.geteuid() == 0:
            os.chown(settings.listen, -1, settings.group)
        settings.listen.chmod(0o660)
        try:
            yield place
        finally:
            settings.listen.unlink(missing_ok=True)


def _real_path(path: str) -> str:
    """Resolve the links of a path; what cannot be looked at is none, and refused.

    The proxy's container shows it the platform's folder where the host has it.
    """
    try:
        return os.path.realpath(path, strict=True)
    except OSError:
        return ""


def main() -> int:
    """Serve until SIGTERM.

    Returns
    -------
    int
        1 if a setting is wrong.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        settings = load_settings(EngineProxySettings)
    except FedotaError as error:
        sys.stderr.write(f"engine proxy: {error.public_message}\n")
        return 1
    rules = (SwarmRules if settings.swarm else EngineRules)(
        Limits(
            platform=settings.platform,
            images=frozenset(settings.images.split()),
            folder=str(settings.folder),
            ports=settings.port_range,
            real_path=_real_path,
            pool=AddressPool.parse(settings.network_pool),
        )
    )
    transport = httpx.AsyncHTTPTransport(uds=str(settings.engine))
    proxy = EngineProxy(rules, settings.platform, transport)
    config = uvicorn.Config(
        proxy.app(),
        access_log=False,
        timeout_graceful_shutdown=_STOP_S,
        log_level="warning",
    )
    with _listening(settings) as place:
        uvicorn.Server(config).run(sockets=[place])
    return 0


if __name__ == "__main__":
    sys.exit(main())
