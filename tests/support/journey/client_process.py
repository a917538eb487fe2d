"""A data holder's client, run with the command that the page shows."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

from support.programs import environment

_STOP_S = 30.0


class ClientProcess:
    """Run the shown command in the folder with the invite.

    Parameters
    ----------
    command
        As shown, with a place for the holder's data in it.
    place
        Folder with the invite; the client's own folder is made in it.
    data
        The holder's.
    """

    def __init__(self, command: str, place: Path, data: Path) -> None:
        self.log = place / "client.out"
        program, *arguments = shlex.split(command)
        assert program == "fedota-client", command
        arguments[arguments.index("--data") + 1] = str(data)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "fedota_client", *arguments, "--yes"],
                cwd=place,
                env=environment(FEDOTA_CLIENT_HOME=str(place / "home")),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def said(self) -> str:
        """Return what it has written."""
        return self.log.read_text(errors="replace")

    def wait(self, within_s: float) -> int:
        """Return its exit code once it has ended by itself."""
        try:
            return self._process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the client runs on:\n{self.said()}") from None

    def stop(self) -> None:
        """End it, if it runs."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(_STOP_S)
