"""Where a proxy in front finds selectors and the webserver by their servers' names."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from pathlib import Path

from fedota_proto.errors import FolderError
from fedota_proto.tls import WEBSERVER_NAME, selector_name
from fedota_server.ports import Ports
from fedota_server.webserver.threads import in_thread

logger = logging.getLogger(__name__)

LOOK_S = 2.0
# Stands for the address on which selectors' ports are published, as the proxy reaches it.
PUBLISHED = "published"


class FrontRoutes:
    """Keeps a file with a line for each server that data holders reach: ``name host:port;``.

    Parameters
    ----------
    path
        The file, which the proxy reads again when it changes.
    home
        The platform's folder.
    round_address
        Where the proxy reaches the webserver's fl_round service.
    """

    def __init__(self, path: Path, home: Path, round_address: str) -> None:
        self._path = path
        self._problems = home / "problems"
        self._round_address = round_address
        self._read: dict[Path, tuple[int, tuple[str, ...]]] = {}
        self._written = ""

    async def run(self) -> None:
        """Work until cancelled; a file that cannot be written is told, and tried again."""
        failed = False
        while True:
            try:
                await in_thread(self.write)
                failed = False
            except OSError as error:
                if not failed:
                    logger.error("%s cannot be written (%s)", self._path, error.strerror)
                failed = True
            await asyncio.sleep(LOOK_S)

    def write(self) -> None:
        """Write the file, beside its place and then renamed, unless nothing changed.

        Raises
        ------
        OSError
            It cannot be written.
        """
        text = "".join(f"{name} {place};\n" for name, place in sorted(self.routes().items()))
        if text == self._written:
            return
        beside = self._path.with_suffix(".new")
        beside.write_text(text)
        beside.chmod(0o644)
        os.replace(beside, self._path)
        self._written = text

    def routes(self) -> Mapping[str, str]:
        """Return where each server is, by its name."""
        found = {WEBSERVER_NAME: self._round_address}
        seen = {}
        for path in self._problems.glob("*/.fedota/ports.json"):
            problem_id = path.parent.parent.name
            seen[path] = self._selectors(path)
            for number, port in enumerate(seen[path][1], start=1):
                found[selector_name(problem_id, number)] = f"{PUBLISHED}:{port}"
        self._read = seen
        return found

    def _selectors(self, path: Path) -> tuple[int, tuple[str, ...]]:
        """Read a problem's ports, if they changed."""
        try:
            changed = path.stat().st_mtime_ns
            known = self._read.get(path)
            if known is not None and known[0] == changed:
                return known
            ports = Ports.load(path)
        except (OSError, FolderError):  # which is said when the problem starts
            return 0, ()
        return changed, tuple(str(port) for port in ports.selectors) if ports else ()
