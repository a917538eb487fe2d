"""All checks, in the order in which one would look."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from fedota_proto.errors import FedotaError
from fedota_server.spawners.spawning import Spawning
from fedota_server.webserver.client_files import ClientFiles
from fedota_server.webserver.database import Database
from fedota_server.webserver.doctor.certificates import check_certificates
from fedota_server.webserver.doctor.clock import check_clock
from fedota_server.webserver.doctor.database import check_database
from fedota_server.webserver.doctor.engine import check_engine
from fedota_server.webserver.doctor.finding import Finding, State, fine, problem
from fedota_server.webserver.doctor.folder import check_disk, check_folder
from fedota_server.webserver.doctor.ports import Listener, check_ports, listeners
from fedota_server.webserver.doctor.programs import check_programs
from fedota_server.webserver.doctor.servers import check_servers
from fedota_server.webserver.settings import WebserverSettings
from fedota_server.webserver.spawning import make_spawning


class Doctor:
    """Look at an installation, whether it runs or not; nothing is made but the client's wheel.

    Parameters
    ----------
    settings
        The webserver's, with the platform's folder.
    clock
        The date.
    spawning
        Makes what runs the platform's servers and jobs.
    find_listeners
        Tells which ports of this machine are listened on, and by whom.
    """

    def __init__(
        self,
        settings: WebserverSettings,
        *,
        clock: Callable[[], float] = time.time,
        spawning: Callable[[WebserverSettings], Spawning] = make_spawning,
        find_listeners: Callable[[], Mapping[int, Listener]] = listeners,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._spawning = spawning
        self._find_listeners = find_listeners

    def checks(self) -> list[Finding]:
        """Run every check; one that fails is a finding too. Takes a few seconds at most.

        Returns
        -------
        list of Finding
            In a fixed order: `looks`, then `trials`.
        """
        return [*self.looks(), *self.trials()]

    def looks(self) -> list[Finding]:
        """Run the checks that only look: some hundredths of a second."""
        settings, home = self._settings, self._settings.home
        database = Database(settings.database_address)
        with contextlib.closing(database):
            return _run_all(
                {
                    "folder": lambda: check_folder(home),
                    "disk": lambda: check_disk(home),
                    "database": lambda: check_database(database),
                    "certificates": lambda: check_certificates(settings, self._clock()),
                    "clock": lambda: check_clock(home, database, self._clock),
                    "ports": self._check_ports,
                    "servers": lambda: check_servers(database),
                }
            )

    def trials(self) -> list[Finding]:
        """Run the checks that start or make something: some seconds."""
        return _run_all(
            {
                "engine": self._check_spawning,
                "client": lambda: _check_client(self._settings.home),
            }
        )

    def _check_ports(self) -> list[Finding]:
        with contextlib.closing(self._spawning(self._settings)) as spawning:
            return check_ports(self._settings, self._find_listeners(), spawning.reach)

    def _check_spawning(self) -> list[Finding]:
        """Look at what runs servers and jobs; where that is well, start each program once."""
        with contextlib.closing(self._spawning(self._settings)) as spawning:
            found = check_engine(spawning)
            if any(one.state is State.PROBLEM for one in found):
                return found
            return [*found, *check_programs(spawning)]


def _run_all(checks: Mapping[str, Callable[[], list[Finding]]]) -> list[Finding]:
    return [finding for name, check in checks.items() for finding in _run(name, check)]


def _run(name: str, check: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return check()
    except FedotaError as error:
        return [problem(name, error.public_message, "Do what the sentence before says.")]


def _check_client(home: Path) -> list[Finding]:
    if not home.is_dir():
        return []
    wheel = ClientFiles(home).bundle().wheel
    return [fine("client", f"data holders install {wheel.name}")]
