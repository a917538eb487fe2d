"""Slows down who guesses: after some failures, each one more doubles the wait."""

from __future__ import annotations

import hashlib
import ipaddress
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlmodel import Session, col, delete

from fedota_proto.errors import BusyError
from fedota_server.webserver.database import Database
from fedota_server.webserver.tables import Attempts

FORGET_S = 86_400.0

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limit:
    """How many failures are free, and what the next ones cost.

    Parameters
    ----------
    free
        After so many failures in a row the first wait begins.
    first_s, most_s
        The first wait, doubled by each further failure, and the longest.
    """

    free: int
    first_s: float
    most_s: float

    def wait_s(self, failures: int) -> float:
        """Tell how long nothing is tried after so many failures, in seconds."""
        if failures < self.free:
            return 0.0
        doublings = min(failures - self.free, 60)
        return min(self.first_s * 2.0**doublings, self.most_s)


ACCOUNT = Limit(free=5, first_s=5.0, most_s=900.0)
ADDRESS = Limit(free=20, first_s=5.0, most_s=3600.0)
REGISTRATION = Limit(free=30, first_s=10.0, most_s=3600.0)


@dataclass(frozen=True)
class Counted:
    """What attempts are counted for: an account or an address.

    Parameters
    ----------
    key
        Holds a hash in place of what was typed: people type passwords into the wrong field.
    """

    key: str
    limit: Limit


def for_account(email: str) -> Counted:
    """Count an account's attempts, whether there is such an account or not."""
    digest = hashlib.sha256(email.encode("utf-8", "surrogatepass")).hexdigest()
    return Counted(f"account {digest}", ACCOUNT)


def for_address(address: str) -> Counted:
    """Count an address's attempts to sign in."""
    return Counted(f"address {_network(address)}", ADDRESS)


def for_registrations(address: str) -> Counted:
    """Count an address's registrations, failed or not."""
    return Counted(f"registrations {_network(address)}", REGISTRATION)


class Throttle:
    """Counts attempts before they are tried, so that many at once are no way around it.

    Parameters
    ----------
    database
        Where the counts are kept: a restart forgives nothing.
    clock
        Seconds since 1970.
    """

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database, self._clock = database, clock

    def count(self, *counted: Counted) -> None:
        """Count one attempt as failed, for now; `forgive` takes that back.

        Raises
        ------
        BusyError
            One of them must wait; nothing is counted then.
        """
        now = self._clock()
        with self._database.session() as session, session.begin():
            self._database.alone(session, "attempts")
            _forget(session, now - FORGET_S)
            rows = [
                (session.get(Attempts, one.key) or Attempts(key=one.key, last_unix_s=now), one)
                for one in counted
            ]
            blocked_s = max((row.blocked_until_unix_s - now for row, _ in rows), default=0.0)
            if blocked_s > 0:
                raise BusyError(
                    f"There were too many attempts: try again in {_words(blocked_s)}.",
                    retry_after_s=blocked_s,
                )
            for row, one in rows:
                row.failures += 1
                row.last_unix_s = now
                wait_s = one.limit.wait_s(row.failures)
                row.blocked_until_unix_s = now + wait_s if wait_s else 0.0
                session.add(row)
                if wait_s:
                    _LOG.warning(
                        "%d attempts failed, none is taken for %g s: %s",
                        *(row.failures, wait_s, one.key),
                    )

    def forgive(
        self, session: Session, *, wholly: Iterable[Counted] = (), once: Counted | None = None
    ) -> None:
        """Take back what `count` counted, as the attempt was right.

        Parameters
        ----------
        wholly
            Forgotten with all that failed before.
        once
            One failure less: else an address would guess on by signing in to its own account.
        """
        self._database.alone(session, "attempts")
        for one in wholly:
            session.exec(delete(Attempts).where(col(Attempts.key) == one.key))
        row = session.get(Attempts, once.key) if once else None
        if once and row:
            row.failures = max(0, row.failures - 1)
            if once.limit.wait_s(row.failures) == 0:
                row.blocked_until_unix_s = 0.0


def _forget(session: Session, before_unix_s: float) -> None:
    session.exec(
        delete(Attempts).where(
            col(Attempts.last_unix_s) < before_unix_s,
            col(Attempts.blocked_until_unix_s) < before_unix_s,
        )
    )


def _network(address: str) -> str:
    """Name whoever is behind an address: of IPv6, a household has 2^64 of them."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip.packed[:8] + bytes(8), 64)))
    return str(ip)


def _words(seconds: float) -> str:
    whole = int(seconds) + 1
    return f"{whole} s" if whole < 120 else f"{-(-whole // 60)} min"
