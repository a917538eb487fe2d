"""The addresses of which a platform's networks are made, and which network gets which."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum

from fedota_proto.errors import UsageError

_LARGEST, _SMALLEST = 12, 23
# A problem has two wide networks and a narrow one.
_WIDE_EACH = 2


class Prefix(IntEnum):
    """How large a network is: the length of its prefix.

    WIDE holds a problem's coordinator and as many selectors as a problem may have, NARROW the
    coordinator and the webserver; of each the engine keeps an address for itself.
    """

    WIDE = 25
    NARROW = 29


_WIDE_SIZE = 1 << (32 - Prefix.WIDE)
_NARROW_IN_WIDE = 1 << (Prefix.NARROW - Prefix.WIDE)


@dataclass(frozen=True)
class AddressPool:
    """A range of addresses that is cut into networks: wide ones from below, narrow from above.

    Docker's own pools hold some 31 networks in all, most of them with 65,536 addresses.

    Parameters
    ----------
    within
        The whole range.
    choosing
        Held by whoever chooses addresses until the engine has made the network.
    """

    within: ipaddress.IPv4Network
    choosing: threading.Lock = field(default_factory=threading.Lock, compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> AddressPool | None:
        """Read it as it is written in settings; empty: none.

        Raises
        ------
        UsageError
            It is no range of addresses of IPv4, or holds not even one problem.
        """
        if not text:
            return None
        try:
            within = ipaddress.IPv4Network(text)
        except ValueError:
            raise UsageError(f"{text} is no range of addresses, as 10.210.0.0/16 is.") from None
        if not _LARGEST <= within.prefixlen <= _SMALLEST:
            raise UsageError(
                f"{text} is no range of a size between /{_LARGEST} and /{_SMALLEST}: "
                "a problem takes 264 addresses."
            )
        return cls(within)

    def candidates(self, prefix: Prefix, taken: Iterable[str]) -> Iterator[str]:
        """Name the networks of one size that are free as far as is known, in the order to try.

        Parameters
        ----------
        taken
            Networks that are known to be there, as ``10.210.0.0/25``.
        """
        used = _Used(taken)
        step = 1 << (32 - prefix)
        starts = range(int(self.within[0]), int(self.within[-1]) + 1, step)
        for start in starts if prefix is Prefix.WIDE else reversed(starts):
            if used.leaves(start, prefix):
                yield f"{ipaddress.IPv4Address(start)}/{prefix}"

    def holds(self, subnet: str) -> bool:
        """Tell whether this is one of the networks that the range is cut into."""
        try:
            one = ipaddress.IPv4Network(subnet)
        except ValueError:
            return False
        return one.prefixlen in tuple(Prefix) and one.subnet_of(self.within)

    def problems_left(self, taken: Iterable[str]) -> int:
        """Count the problems whose networks still fit beside these."""
        taken = list(taken)
        used = _Used(one for one in taken if self.holds(one))
        blocks = sum(1 for _ in self.candidates(Prefix.WIDE, taken))
        loose = used.loose()
        left = blocks // _WIDE_EACH
        while left > (blocks - left * _WIDE_EACH) * _NARROW_IN_WIDE + loose:
            left -= 1
        return left


class _Used:
    """Which addresses are in use.

    Parameters
    ----------
    taken
        Networks; those of another version of IP are of no concern.
    """

    def __init__(self, taken: Iterable[str]) -> None:
        self._wide: set[int] = set()
        self._narrow: set[int] = set()
        self._other: list[tuple[int, int]] = []
        for subnet in taken:
            one = ipaddress.ip_network(subnet)
            if one.version != 4:
                continue
            first, last = int(one[0]), int(one[-1])
            if one.prefixlen == Prefix.WIDE:
                self._wide.add(first)
            elif one.prefixlen == Prefix.NARROW:
                self._narrow.add(first)
            else:
                self._other.append((first, last))
        self._split = {_block(start) for start in self._narrow}

    def leaves(self, start: int, prefix: Prefix) -> bool:
        """Tell whether a network is free."""
        if prefix is Prefix.WIDE:
            used = start in self._wide or start in self._split
        else:
            used = start in self._narrow or _block(start) in self._wide
        last = start + (1 << (32 - prefix)) - 1
        return not used and not any(a <= last and start <= b for a, b in self._other)

    def loose(self) -> int:
        """Count the narrow networks that are free beside others that are not."""
        return len(self._split) * _NARROW_IN_WIDE - len(self._narrow)


def same_block(one: str, other: str) -> bool:
    """Tell whether two networks lie within the same wide one."""
    first, second = (ipaddress.IPv4Network(subnet) for subnet in (one, other))
    return _block(int(first[0])) == _block(int(second[0]))


def _block(start: int) -> int:
    return start - start % _WIDE_SIZE
