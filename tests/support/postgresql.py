"""A PostgreSQL server of the tests' own, from Debian's package: it dies with them."""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_READY_S = 30.0
_USER = "postgres"

# Nothing here needs to outlive a power failure.
_HASTE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=16MB")


def programs() -> Path | None:
    """Return the folder of the newest installed server's programs, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=_version)
    return found[-1].parent if found else None


@contextmanager
def postgresql_server(bin_folder: Path) -> Iterator[Path]:
    """Run an empty server that listens on a Unix socket alone.

    It runs as `postgres` where the tests run as root, which PostgreSQL refuses, else as whoever
    runs the tests; in both cases the database's superuser is called `postgres`.

    Yields
    ------
    Path
        The socket's folder: the `host` of its URL.
    """
    folder = Path(tempfile.mkdtemp(prefix="fedota-pg-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, _USER)
        _initialise(bin_folder, folder)
        server = subprocess.Popen(
            [
                *_as_user(),
                bin_folder / "postgres",
                *("-D", folder / "data", "-k", folder, "-c", "listen_addresses="),
                *(part for setting in _HASTE for part in ("-c", setting)),
            ],
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
        )
        try:
            _wait_until_ready(server)
            yield folder
        finally:
            server.send_signal(signal.SIGINT)  # ends connections, then itself
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.send_signal(signal.SIGQUIT)
                server.wait(10)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _version(program: Path) -> float:
    return float(program.parent.parent.name)


def _as_user() -> list[str]:
    """Run as a user whom PostgreSQL takes, and stop when the tests die, however they do."""
    command = ["setpriv", "--pdeathsig", "INT"]
    if os.geteuid() == 0:
        group = str(pwd.getpwnam(_USER).pw_gid)
        command += ["--reuid", _USER, "--regid", group, "--clear-groups"]
    return command


def _initialise(bin_folder: Path, folder: Path) -> None:
    made = subprocess.run(
        [
            *_as_user(),
            bin_folder / "initdb",
            *("-D", folder / "data", "-U", _USER, "-A", "trust", "-E", "UTF8"),
            *("--locale", "C.UTF-8", "--no-sync", "--no-instructions"),
        ],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=60,
    )
    assert made.returncode == 0, f"initdb failed as {getpass.getuser()}:\n{made.stderr}"


def _wait_until_ready(server: subprocess.Popen[str]) -> None:
    said: list[str] = []
    settled = threading.Event()

    def listen() -> None:
        assert server.stderr is not None
        with server.stderr:
            for line in server.stderr:
                if not settled.is_set():
                    said.append(line)
                if "ready to accept connections" in line:
                    settled.set()
        settled.set()

    threading.Thread(target=listen, name="postgresql", daemon=True).start()
    settled.wait(_READY_S)
    whole = "".join(said)
    assert "ready to accept connections" in whole, f"PostgreSQL did not start:\n{whole}"
