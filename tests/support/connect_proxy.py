"""An HTTP proxy on loopback as a hospital's: it knows CONNECT, and many ways to say no."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

_HEAD_MOST = 1 << 16


@dataclass
class ConnectProxy:
    """Passes TLS through to wherever it is asked to, and notes where that was.

    Parameters
    ----------
    user, password
        Wanted of everybody, unless empty.
    offers
        What it says in ``Proxy-Authenticate`` where credentials are wanted; without `user` nothing
        that anybody sends is good enough.
    refuses
        Status line with which every request is refused, as ``403 Forbidden``; empty for none.
    shows
        Certificate and key of its own that it shows instead of passing through.
    silent
        Takes connections and never answers.
    """

    user: str = ""
    password: str = ""
    offers: tuple[str, ...] = ()
    refuses: str = ""
    shows: tuple[Path, Path] | None = None
    silent: bool = False
    asked: list[str] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def address(self) -> str:
        """Its ``host:port``."""
        assert self._server is not None
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def url(self) -> str:
        """Its address as in ``https_proxy``, without credentials."""
        return f"http://{self.address}"

    def url_for(self, user: str, password: str) -> str:
        """Its address with credentials, written as given."""
        return f"http://{user}:{password}@{self.address}"

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # the client has had enough, or the test is over
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lines = head.split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines[1:] if line)
        }
        self.asked.append(target)
        if self.silent:
            await reader.read()
            return
        if self.refuses or method != "CONNECT":
            await self._refuse(writer, self.refuses or "405 Method Not Allowed")
            return
        if (self.offers or self.user) and not self._lets_in(headers):
            offers = self.offers or ('Basic realm="clinic"',)
            wanted = [f"Proxy-Authenticate: {offer}" for offer in offers]
            await self._refuse(writer, "407 Proxy Authentication Required", *wanted)
            return
        if self.shows is not None:
            await self._intercept(reader, writer)
            return
        host, _, port = target.rpartition(":")
        try:
            answers, other = await asyncio.open_connection(host, int(port))
        except OSError:
            await self._refuse(writer, "502 Bad Gateway")
            return
        try:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self.passed.append(target)
            await asyncio.gather(_pass_on(reader, other), _pass_on(answers, writer))
        finally:
            other.transport.abort()

    def _lets_in(self, headers: dict[str, str]) -> bool:
        told = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return bool(self.user) and headers.get("proxy-authorization") == f"Basic {told}"

    async def _refuse(self, writer: asyncio.StreamWriter, status: str, *headers: str) -> None:
        body = "<html><body>The clinic's proxy does not allow this.</body></html>"
        lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", body]
        writer.write("\r\n".join(lines).encode())
        await writer.drain()

    async def _intercept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self.shows is not None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.shows)
        context.set_alpn_protocols(["h2", "http/1.1"])
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await writer.drain()
        await writer.start_tls(context)
        await reader.read()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()
