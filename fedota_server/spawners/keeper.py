"""Keep one server running beyond the life of who started it.

``python -P -S -m fedota_server.spawners.keeper PLACE NAME`` with an order as JSON on standard input
(see `Order`): leaves the process group that it was started from, starts the server (see `launch`;
its lifeline is held here, so that no server outlives its keeper), writes its log and, into
``PLACE/NAME.json``, what a spawner must know to take it over; when the server has ended, its exit
code, and ends too. SIGTERM has the server end first.

There is one such process for each server, so it loads little.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import sys
import time

from fedota_server.spawners.lines import Lines, ready_address
from fedota_server.spawners.process_mark import started
from fedota_server.spawners.rotating_log import RotatingLog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypedDict

    class Order(TypedDict):
        """What is to be started."""

        launch: str  # names this start
        spec: str  # fingerprint of what the server was told
        argv: list[str]
        env: dict[str, str]
        log: str
        log_max_bytes: int
        lifeline: int  # a descriptor to read from; -1: the server outlives who started it


RUNS_ALREADY = 75
_LOCK_WAIT_S = 5.0
_LOCK_LOOK_S = 0.02
_GRACE_S = 5.0
_DRAIN_WAIT_S = 2.0
_TAIL_BYTES = 8 << 10
_READ_BYTES = 64 << 10
_NEVER = float("inf")


class Keeper:
    """One server, from its start until nothing of it is left.

    Parameters
    ----------
    path
        The state file.
    order
        What is started.
    """

    def __init__(self, path: str, order: Order) -> None:
        self._path = path
        self._order = order
        self._log = RotatingLog(order["log"], max_bytes=order["log_max_bytes"])
        self._lines = Lines()
        self._pid = 0
        self._kill_at = _NEVER
        self._state: dict[str, Any] = {
            "path": path,  # a copy of this file elsewhere speaks of no server of that place
            "launch": order["launch"],
            "spec": order["spec"],
            "keeper": [os.getpid(), started(os.getpid())],
            "server": [0, ""],
            "address": "",
            "exit_code": None,
            "tail": "",
        }

    def start(self) -> None:
        """Start the server, and write down that it runs."""
        self._wake, self._wakes = os.pipe()
        os.set_blocking(self._wakes, False)
        signal.set_wakeup_fd(self._wakes)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._out_end, self._err_end = self._fork()
        self._state["server"] = [self._pid, started(self._pid)]
        self._save()
        signal.signal(signal.SIGTERM, self._ask)

    def keep(self) -> None:
        """Stay until the server has ended, and write that down too."""
        exit_code = self._follow()
        self._log.close()
        self._state["exit_code"] = exit_code
        self._state["tail"] = self._log.tail(_TAIL_BYTES)
        self._save()

    def _fork(self) -> tuple[int, int]:
        """Fork the server; this process has one thread, so that is safe.

        Returns
        -------
        int, int
            Its standard output and error, to read from.
        """
        lifeline, self._lifeline = os.pipe()
        out, out_end = os.pipe()
        err, err_end = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                os.setsid()
                for number, end in enumerate((lifeline, out_end, err_end)):
                    os.dup2(end, number)
                signal.set_wakeup_fd(-1)
                for number in (signal.SIGPIPE, signal.SIGCHLD, signal.SIGTERM):
                    signal.signal(number, signal.SIG_DFL)
                program, environment = self._order["argv"], self._order["env"]
                os.execve(program[0], program, environment)  # noqa: S606
            finally:
                os._exit(127)
        for end in (lifeline, out_end, err_end):
            os.close(end)
        return out, err

    def _follow(self) -> int:
        """Read what it writes until it has ended; return its exit code."""
        poll = select.poll()
        readers: dict[int, Callable[[bytes], None]] = {
            self._err_end: self._log.write,
            self._out_end: self._out,
            self._wake: lambda _: None,
        }
        if self._order["lifeline"] >= 0:
            readers[self._order["lifeline"]] = self._ask
        for end in readers:
            poll.register(end, select.POLLIN)
        exit_code, ends_at = self._reaped(), _NEVER
        while exit_code is None or (
            not readers.keys().isdisjoint((self._out_end, self._err_end))
            and time.monotonic() < ends_at
        ):
            for end, _ in poll.poll(self._patience_ms(ends_at)):
                data = os.read(end, _READ_BYTES)
                readers[end](data)
                if not data:
                    poll.unregister(end)
                    del readers[end]
            if time.monotonic() >= self._kill_at:
                self._kill_at = _NEVER
                self._signal(os.killpg, signal.SIGKILL)
            if exit_code is None and (exit_code := self._reaped()) is not None:
                ends_at = time.monotonic() + _DRAIN_WAIT_S
        return exit_code

    def _patience_ms(self, ends_at: float) -> float | None:
        until = min(ends_at, self._kill_at)
        return None if until == _NEVER else max(0.0, until - time.monotonic()) * 1000

    def _reaped(self) -> int | None:
        """Take the server's end, and end what it leaves behind; None while it runs."""
        pid, status = os.waitpid(self._pid, os.WNOHANG)
        if pid == 0:
            return None
        self._signal(os.killpg, signal.SIGKILL)
        return os.waitstatus_to_exitcode(status)

    def _out(self, data: bytes) -> None:
        self._log.write(data)
        for line in self._lines.feed(data) if data else self._lines.end():
            address = ready_address(line)
            if address and not self._state["address"]:
                self._state["address"] = address
                self._save()

    def _ask(self, *_: object) -> None:
        if self._pid:
            self._kill_at = min(self._kill_at, time.monotonic() + _GRACE_S)
            self._signal(os.kill, signal.SIGTERM)

    def _signal(self, send: Callable[[int, int], None], number: int) -> None:
        try:
            send(self._pid, number)
        except (ProcessLookupError, PermissionError):
            return

    def _save(self) -> None:
        """Write the state; where the disk is full, the spawner learns less, no server ends."""
        beside = f"{self._path}.new"
        try:
            with open(beside, "w", opener=_private) as file:
                json.dump(self._state, file)
            os.replace(beside, self._path)
        except OSError:
            return


def main() -> None:
    """Take the order and the place, let whoever gave it go on, and keep the server."""
    place, name = sys.argv[1:]
    order = json.load(sys.stdin.buffer)
    lock = os.open(f"{place}/{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    if not _locked(lock):
        sys.exit(RUNS_ALREADY)
    told, tell = os.pipe()
    if os.fork():
        os.close(tell)
        os._exit(0 if os.read(told, 1) else 1)
    os.setsid()
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nothing, number)
    if order["lifeline"] >= 0:
        os.set_inheritable(order["lifeline"], False)
    keeper = Keeper(f"{place}/{name}.json", order)
    keeper.start()
    os.write(tell, b".")
    os.close(tell)
    os.close(told)
    keeper.keep()


def _locked(lock: int) -> bool:
    """Take the place's only lock for this name; the one before may be just about to end."""
    ends_at = time.monotonic() + _LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= ends_at:
                return False
            time.sleep(_LOCK_LOOK_S)
        else:
            return True


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


if __name__ == "__main__":
    main()
