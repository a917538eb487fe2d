"""A whole platform as one process, as `fedota up` starts it."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

_START_S = 60.0
_STOP_S = 30.0


def free_port() -> int:
    """Find a port of loopback on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


class SiteProcess:
    """Run `fedota up` on a home of its own.

    Parameters
    ----------
    home
        The platform's folder.
    settings
        More ``FEDOTA_*`` variables.
    """

    def __init__(self, home: Path, **settings: str) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = home.with_name(f"{home.name}.log")
        self.setup_code = ""
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return once it says where it is."""
        environ = {k: v for k, v in os.environ.items() if not k.startswith("FEDOTA_")}
        begun = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "fedota_server.cli", "up", "--port", str(self.port)],
                env={**environ, "FEDOTA_HOME": str(self.home), **self._settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            said = self.log.read_bytes()[begun:].decode(errors="replace")
            if "Ctrl-C ends it." in said:
                found = re.search(r"set-up code (\S+)", said)
                self.setup_code = found[1] if found else ""
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        self.kill()
        raise AssertionError(f"fedota up did not start:\n{self.log.read_text()}")

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(_STOP_S)

    def stop(self) -> int:
        """Ask it to end, and return its exit code."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.terminate()
        try:
            return self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"fedota up did not stop:\n{self.log.read_text()}") from None
