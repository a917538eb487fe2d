"""What the servers of the platform's problems are told."""

from __future__ import annotations

from fedota_proto.errors import FolderError
from fedota_server.authority import PlatformHome
from fedota_server.problem_folder import ProblemFolder
from fedota_server.server_specs import (
    COORDINATOR,
    coordinator_settings,
    coordinator_spec,
    problem_files,
    refuse_taken,
    selector_called,
    selector_spec,
)
from fedota_server.spawners.base import ServerSpec
from fedota_server.spawners.spawning import Reach
from fedota_server.webserver.problem_ports import ProblemPorts
from fedota_server.webserver.settings import WebserverSettings


class ProblemSpecs:
    """Writes the specifications of problems' servers; every method blocks.

    Parameters
    ----------
    home
        The platform's folder.
    settings
        The webserver's.
    status_address
        Where coordinators report.
    reach
        Where servers listen.
    """

    def __init__(
        self, home: PlatformHome, settings: WebserverSettings, status_address: str, reach: Reach
    ) -> None:
        self._home = home
        self._ports = ProblemPorts(home, settings)
        self._start_timeout_s = settings.start_timeout_s
        self._status_address = status_address
        self._reach = reach

    def names(self, selectors: int) -> list[str]:
        """Name the servers of a problem with so many selectors."""
        return [COORDINATOR, *(selector_called(number) for number in range(1, selectors + 1))]

    def spec(self, folder: ProblemFolder, name: str, *, starting: bool) -> ServerSpec:
        """Write the specification of one server.

        Parameters
        ----------
        folder
            The problem's.
        name
            The server's.
        starting
            Whether it is about to be started: then what it needs is looked at first.

        Raises
        ------
        FolderError, ProblemFileError
            The folder is damaged, or changed after the training began.
        ServerStartError
            Its port is taken.
        """
        if starting and name == COORDINATOR:
            _refuse_unless_whole(folder)
        keys = folder.keys(self._home.authority())
        number = 0 if name == COORDINATOR else int(name.rpartition("-")[2])
        ports = self._ports.keep(folder, number)
        if starting and self._reach.own_ports:
            port = ports.selectors[number - 1] if number else ports.coordinator
            refuse_taken(port, name, folder.ports_path)
        if number:
            return selector_spec(
                keys,
                ports,
                number,
                start_timeout_s=self._start_timeout_s,
                reach=self._reach,
                cache=folder.state / "cache" / name,
            )
        return coordinator_spec(
            folder,
            ports,
            coordinator_settings(folder),
            status_address=self._status_address,
            start_timeout_s=self._start_timeout_s,
            reach=self._reach,
            reads=problem_files(folder),
        )


def _refuse_unless_whole(folder: ProblemFolder) -> None:
    folder.refuse_if_changed()
    if folder.manifest() is None:
        raise FolderError(
            f"The model of {folder.folder} is not the one that was checked: restore the folder "
            "from a backup."
        )
