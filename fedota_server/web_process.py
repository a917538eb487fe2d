"""The one process of `fedota up`: a lock on the home folder, a listening socket, the web site."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from pathlib import Path
from typing import Any, Protocol

import uvicorn
from uvicorn.importer import ImportFromStringError, import_from_string

from fedota_proto.errors import FedotaError, FolderError, ServerStartError, UsageError
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.settings import WebserverSettings

_SITE = "ui.server:build_app"
_GRACE_S = 3  # for answers that are being sent when the process is told to end
_KEEP_ALIVE_S = 30
_PING_S = 30.0
_MESSAGE_MAX_BYTES = 50 << 20
_BACKLOG = 512


class WebSite(Protocol):
    """What the ui builds: an ASGI application, and what must run around it."""

    def lifespan(self) -> Callable[[Any], contextlib.AbstractAsyncContextManager[None]]:
        """Return the context in which the application serves."""
        ...

    def __call__(self, scope: Any, receive: Any, send: Any, /) -> Awaitable[None]:
        """Serve a connection."""
        ...


@contextlib.contextmanager
def locked_home(home: Path) -> Iterator[None]:
    """Hold a platform's folder for one `fedota up` at a time.

    Raises
    ------
    FolderError
        Another one holds it, or it cannot be written.
    """
    path = home / "web.lock"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = path.open("a")
    except OSError as error:
        raise FolderError(
            f"{path} cannot be written ({error.strerror}): give yourself the folder, or name "
            "another with --home."
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise FolderError(
                f"{home} is served already by another `fedota up`: use that one, or stop it first."
            ) from error
        yield


def listening_socket(host: str, port: int) -> socket.socket:
    """Bind the web page's address.

    Raises
    ------
    ServerStartError
        The port is taken, or the address is none of this machine's.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        made = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _cannot_listen(host, port, error) from error
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        raise _cannot_listen(host, port, error) from error
    return made


def _cannot_listen(host: str, port: int, error: OSError) -> ServerStartError:
    return ServerStartError(
        f"The web page cannot listen on {host} port {port} ({error.strerror}): end what listens "
        "there, or choose another port with --port or FEDOTA_WEB_PORT, or another address with "
        "FEDOTA_WEB_HOST."
    )


class _Server(uvicorn.Server):
    """A server that leaves the process's signals alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Change nothing about signals."""
        yield


class WebProcess:
    """Serves a platform until a signal ends it.

    Parameters
    ----------
    platform
        Opened, not yet running.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._ended_by: list[int] = []

    async def run(self, listening: socket.socket, say_started: Callable[[], None]) -> int:
        """Serve until SIGINT or SIGTERM; a second one ends the graceful end.

        Parameters
        ----------
        listening
            Bound; it is closed at the end.
        say_started
            Called once when pages are served.

        Returns
        -------
        int
            The number of the signal.

        Raises
        ------
        FedotaError
            The platform does not start.
        """
        site: WebSite = _builder()(self._platform)
        server = _Server(_configuration(site, self._platform.settings))
        with self._signals(server), contextlib.closing(listening):
            try:
                async with _running(site):
                    say_started()
                    await server.serve(sockets=[listening])
            except asyncio.CancelledError:
                if not self._ended_by:
                    raise
            except BaseExceptionGroup as failures:
                raise _told(failures) from failures
        return self._ended_by[0] if self._ended_by else signal.SIGTERM

    @contextlib.contextmanager
    def _signals(self, server: uvicorn.Server) -> Iterator[None]:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def end(number: int) -> None:
            self._ended_by.append(number)
            if server.started and len(self._ended_by) == 1:
                server.should_exit = True
            elif task is not None:
                task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, end, number)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


@contextlib.asynccontextmanager
async def serving(platform: Platform, listening: socket.socket) -> AsyncIterator[None]:
    """Serve a platform for as long as the block lasts, in a process that does other work too.

    Signals are the caller's: whatever ends the block ends the web site and the platform.

    Parameters
    ----------
    platform
        Opened, not yet running.
    listening
        Bound; it is closed at the end.

    Raises
    ------
    FedotaError
        The platform does not start, or the block failed with this.
    """
    site: WebSite = _builder()(platform)
    server = _Server(_configuration(site, platform.settings))
    with contextlib.closing(listening):
        try:
            async with _running(site):
                answering = asyncio.create_task(server.serve(sockets=[listening]))
                try:
                    yield
                finally:
                    server.should_exit = True
                    await answering
        except BaseExceptionGroup as failures:
            raise _told(failures) from failures


@contextlib.asynccontextmanager
async def _running(site: WebSite) -> AsyncIterator[None]:
    async with site.lifespan()(site):
        yield


def _told(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the first of some failures that is meant for people, or all of them."""
    for failure in failures.exceptions:
        told = _told(failure) if isinstance(failure, BaseExceptionGroup) else failure
        if isinstance(told, FedotaError):
            return told
    return failures


def _builder() -> Callable[[Platform], WebSite]:
    try:
        found: Callable[[Platform], WebSite] = import_from_string(_SITE)
    except (ImportFromStringError, ModuleNotFoundError) as error:
        raise UsageError(
            "The web page's parts are not installed: install Fedota with its extra named ui.",
            detail=repr(error),
        ) from error
    return found


def _configuration(site: WebSite, settings: WebserverSettings) -> uvicorn.Config:
    made = uvicorn.Config(
        site,
        loop="asyncio",
        lifespan="off",
        ws="websockets-sansio",
        ws_max_size=_MESSAGE_MAX_BYTES,
        ws_ping_interval=_PING_S,
        ws_ping_timeout=_PING_S,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=_GRACE_S,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )
    try:
        made.load()
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"{settings.tls_cert} and {settings.tls_key} are no certificate and its key that can "
            "be read (PEM, the key without a password): put the right files there.",
            detail=repr(error),
        ) from error
    return made
