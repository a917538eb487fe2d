"""Which servers of a problem are to be started, adopted, stopped, or given up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from fedota_server.backoff import Backoff

QUICK_FAILURES_MAX = 6
LASTING_S = 20.0
AWAY_MAX_S = 300.0


@dataclass(frozen=True, slots=True)
class Adopt:
    """Take the server over if an earlier webserver left it running."""

    name: str


@dataclass(frozen=True, slots=True)
class Start:
    """Start the server."""

    name: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop the server, whoever started it."""

    name: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Tell that the problem's servers are tried no more, and why."""

    name: str
    reason: str


Instruction = Adopt | Start | Stop | GiveUp


class Phase(StrEnum):
    """What is known of a server; the words are shown."""

    UNKNOWN = "unknown"  # an earlier webserver may have left it running
    STARTING = "starting"
    RUNNING = "running"
    BACKING_OFF = "backing off"
    STOPPING = "stopping"
    STOPPED = "stopped"
    GIVEN_UP = "given up"


@dataclass(slots=True)
class Observed:
    """One server as it was last seen.

    Parameters
    ----------
    phase, since
        What is known of it, and since when.
    address
        Where it serves, while it runs.
    detail
        The last thing that happened to it.
    starts
        How often it was started here.
    failures
        Starts in a row that did not last.
    retry_at
        When a failed one is tried again.
    unseen
        Whether one that is tried again may run all the same: nobody could be asked.
    away_since
        Since when what would start it does not answer; None while it does.
    """

    phase: Phase = Phase.UNKNOWN
    since: float = 0.0
    address: str = ""
    detail: str = ""
    starts: int = 0
    failures: int = 0
    retry_at: float = 0.0
    unseen: bool = False
    away_since: float | None = None
    backoff: Backoff = field(default_factory=lambda: Backoff(lasting_s=LASTING_S))


class Reconciler:
    """Compares the servers that one problem wants with those seen, and says what to do.

    Has no clock and starts nothing: it is told what happened, each time with the present in
    seconds, and `next` gives instructions. A server whose instruction was given is left alone until
    something is told of it. One that ends is started again, with growing pauses; when so many
    starts in a row did not last, all the problem's servers are given up, until `forgive`.

    Parameters
    ----------
    quick_failures_max
        How many starts in a row may fail to last.
    lasting_s
        Seconds after which a start has lasted.
    """

    def __init__(
        self, *, quick_failures_max: int = QUICK_FAILURES_MAX, lasting_s: float = LASTING_S
    ) -> None:
        self._quick_failures_max = quick_failures_max
        self._lasting_s = lasting_s
        self._wanted: frozenset[str] = frozenset()
        self._servers: dict[str, Observed] = {}
        self._to_tell: list[GiveUp] = []
        self.given_up = ""

    @property
    def servers(self) -> dict[str, Observed]:
        """Every server that was ever wanted or known of, by name."""
        return dict(self._servers)

    @property
    def idle(self) -> bool:
        """Whether nothing runs and nothing is under way."""
        return all(
            server.phase in (Phase.STOPPED, Phase.GIVEN_UP) for server in self._servers.values()
        )

    def want(self, names: Iterable[str]) -> None:
        """Have exactly these run from now on."""
        self._wanted = frozenset(names)
        self.know(self._wanted)

    def know(self, names: Iterable[str]) -> None:
        """Take note of servers that an earlier webserver ran, so that none is left over."""
        for name in names:
            self._servers.setdefault(name, Observed())

    def forgive(self) -> None:
        """Forget all failures: somebody wants the problem to be tried again."""
        self.given_up = ""
        self._to_tell.clear()
        for server in self._servers.values():
            server.failures, server.backoff = 0, Backoff(lasting_s=self._lasting_s)
            if server.phase in (Phase.GIVEN_UP, Phase.BACKING_OFF):
                server.phase = Phase.STOPPED

    def next(self, now: float) -> list[Instruction]:
        """Say what to do now."""
        told: list[Instruction] = [*self._to_tell]
        self._to_tell.clear()
        for name, server in sorted(self._servers.items()):
            wanted = name in self._wanted and not self.given_up
            match server.phase:
                case Phase.UNKNOWN if wanted:
                    told.append(Adopt(name))
                    self._enter(server, Phase.STARTING, now)
                case Phase.UNKNOWN | Phase.RUNNING if not wanted:
                    told.append(Stop(name))
                    self._enter(server, Phase.STOPPING, now)
                case Phase.STOPPED if wanted:
                    told.append(self._start(name, server, now))
                case Phase.BACKING_OFF if wanted and now >= server.retry_at and server.unseen:
                    told.append(Adopt(name))
                    self._enter(server, Phase.STARTING, now)
                case Phase.BACKING_OFF if wanted and now >= server.retry_at:
                    told.append(self._start(name, server, now))
                case Phase.BACKING_OFF if not wanted and server.unseen:
                    told.append(Stop(name))
                    self._enter(server, Phase.STOPPING, now)
                case Phase.BACKING_OFF if not wanted:
                    self._enter(server, Phase.STOPPED, now)
        return told

    def look_again_at(self) -> float | None:
        """Return when the next pause ends; None where none is under way."""
        return min(
            (s.retry_at for s in self._servers.values() if s.phase is Phase.BACKING_OFF),
            default=None,
        )

    def came(self, name: str, address: str, now: float, *, adopted: bool = False) -> None:
        """Take note that a server serves: it was started, or adopted."""
        server = self._servers[name]
        server.address = address
        server.unseen, server.away_since = False, None
        server.detail = "taken over" if adopted else ""
        self._enter(server, Phase.RUNNING, now)

    def absent(self, name: str, now: float, detail: str = "") -> None:
        """Take note that a server does not run: it was stopped, or there was none to adopt."""
        server = self._servers[name]
        server.address = ""
        server.unseen, server.away_since = False, None
        server.detail = detail
        self._enter(server, Phase.STOPPED, now)

    def failed(self, name: str, reason: str, now: float) -> None:
        """Take note that a server could not be started."""
        server = self._servers[name]
        server.unseen, server.away_since = False, None
        self._fell(name, reason, 0.0, now)

    def away(self, name: str, reason: str, now: float) -> None:
        """Take note that what would adopt or start a server does not answer.

        That is no failure of the server's until it has lasted for `AWAY_MAX_S`; and the server may
        run, which is looked at first when there is an answer again.
        """
        server = self._servers[name]
        server.unseen = True
        if server.away_since is None:
            server.away_since = now
        if now - server.away_since >= AWAY_MAX_S:
            server.failures = self._quick_failures_max
        self._fell(name, reason, 0.0, now, counts=False)

    def ended(self, name: str, reason: str, now: float) -> None:
        """Take note that a server that ran has ended by itself."""
        server = self._servers[name]
        if server.phase is Phase.STOPPING:
            return
        self._fell(name, reason, now - server.since, now)

    def _start(self, name: str, server: Observed, now: float) -> Start:
        server.starts += 1
        self._enter(server, Phase.STARTING, now)
        return Start(name)

    def _fell(
        self, name: str, reason: str, ran_s: float, now: float, *, counts: bool = True
    ) -> None:
        server = self._servers[name]
        server.address, server.detail = "", reason
        if counts:
            server.failures = server.failures + 1 if ran_s < self._lasting_s else 0
        server.retry_at = now + server.backoff.after(ran_s)
        self._enter(server, Phase.BACKING_OFF, now)
        if server.failures >= self._quick_failures_max and not self.given_up:
            tried = f"{name} was started {server.failures} times in a row and did not last. "
            self.given_up = reason if server.away_since is not None else tried + reason
            self._to_tell.append(GiveUp(name, self.given_up))
            self._enter(server, Phase.GIVEN_UP, now)

    @staticmethod
    def _enter(server: Observed, phase: Phase, now: float) -> None:
        server.phase, server.since = phase, now
