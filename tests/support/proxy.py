"""A TCP proxy on loopback whose line can be cut."""

from __future__ import annotations

import asyncio
import contextlib


class TcpProxy:
    """Passes bytes on to a target until it is told to break the line.

    Parameters
    ----------
    target
        ``host:port``; need not be there yet.
    listen
        Address of this machine to listen on.
    """

    def __init__(self, target: str, listen: str = "127.0.0.1") -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._listen = listen
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.address = ""
        self.refuses = False
        self.accepted = 0

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._accept, self._listen, 0)
        self.address = f"{self._listen}:{self._server.sockets[0].getsockname()[1]}"

    def cut(self, *, refuse: bool = False) -> None:
        """Reset every connection; with `refuse` new ones end at once too, until `mend`."""
        self.refuses = refuse
        for writer in list(self._writers):
            writer.transport.abort()

    def mend(self) -> None:
        """Take new connections again."""
        self.refuses = False

    async def close(self) -> None:
        """End everything."""
        if self._server is not None:
            self._server.close()
        self.cut(refuse=True)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        other: asyncio.StreamWriter | None = None
        try:
            if self.refuses:
                return
            answers, other = await asyncio.open_connection(*self._target)
            self.accepted += 1
            self._writers.add(other)
            await asyncio.gather(self._pass_on(reader, other), self._pass_on(answers, writer))
        except (OSError, asyncio.CancelledError):
            pass  # the target is not there, or the test is over
        finally:
            for end in (writer, other):
                if end is not None:
                    self._writers.discard(end)
                    end.transport.abort()
            self._tasks.discard(task)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        writer.transport.abort()
