"""The ports of all problems' servers: none is given to two."""

from __future__ import annotations

from threading import Lock

from fedota_server.authority import PlatformHome
from fedota_server.ports import Ports
from fedota_server.problem_folder import ProblemFolder
from fedota_server.webserver.settings import WebserverSettings


class ProblemPorts:
    """Chooses ports, and keeps them in the problems' folders; any thread may ask.

    Parameters
    ----------
    home
        The platform's folder.
    settings
        Between which ports to choose, and how data holders reach this machine.
    """

    def __init__(self, home: PlatformHome, settings: WebserverSettings) -> None:
        self._problems = home.folder / "problems"
        self._host = settings.public_host
        self._front = settings.front_port
        span = settings.selector_port_range
        self._span = (span.start, span.stop - 1)
        self._lock = Lock()

    def keep(self, folder: ProblemFolder, selectors: int) -> Ports:
        """Return a problem's ports; those that are missing are chosen now.

        Raises
        ------
        FolderError, ServerStartError
            A file is damaged or cannot be written; no ports are free.
        """
        own = Ports.load(folder.ports_path)
        if (
            own is not None
            and len(own.selectors) >= selectors
            and (own.host, own.front) == (self._host, self._front)
        ):
            return own
        with self._lock:
            others = self._problems.glob("*/.fedota/ports.json")
            kept = [Ports.load(path) for path in others if path != folder.ports_path]
            taken: frozenset[int] = frozenset().union(*(ports.all for ports in kept if ports))
            return folder.ports(
                selectors, self._host, front=self._front, taken=taken, span=self._span
            )
