"""What trying an address brought: one step after the other, up to the first that failed."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any


class Step(enum.Enum):
    """What is tried, in this order."""

    WAY = "way"
    NAME = "name"
    CONNECTION = "connection"
    TLS = "TLS"
    HELLO = "hello"


class BlockedError(Exception):
    """A step that failed.

    Parameters
    ----------
    code
        For scripts, as ``refused``.
    sentence
        What stands in the way, and the remedy.
    """

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass
class AddressReport:
    """One address of an invite.

    Parameters
    ----------
    address, server_name
        As in the invite.
    is_webserver
        Whether it is the webserver's, else a selector's.
    way
        ``direct``, or the proxy without its password.
    passed
        What each step that worked found.
    failed
        The step that did not, None if all did.
    code, sentence
        What stands in the way, and the remedy.
    note
        What does not stand in the way and should be known: a wrong clock.
    """

    address: str
    server_name: str
    is_webserver: bool = False
    way: str = ""
    passed: dict[Step, str] = field(default_factory=dict)
    failed: Step | None = None
    code: str = ""
    sentence: str = ""
    note: str = ""

    @property
    def works(self) -> bool:
        """Whether a client can use it."""
        return self.failed is None and Step.HELLO in self.passed

    @property
    def kind(self) -> str:
        """Who should be there."""
        return "webserver" if self.is_webserver else "selector"

    def cell(self, step: Step) -> str:
        """Say in a word or two how a step went; empty if it was not tried."""
        return "FAILED" if step is self.failed else self.passed.get(step, "")

    def as_json(self) -> dict[str, Any]:
        """Return it for scripts."""
        return {
            "address": self.address,
            "kind": self.kind,
            "server_name": self.server_name,
            "way": self.way,
            "works": self.works,
            "passed": {step.value: found for step, found in self.passed.items()},
            "failed": self.failed.value if self.failed else "",
            "code": self.code,
            "problem": self.sentence,
            "note": self.note,
        }


@dataclass(frozen=True)
class ReachReport:
    """All addresses of an invite, as they were tried.

    Parameters
    ----------
    title
        The problem's.
    addresses
        Selectors first.
    """

    title: str
    addresses: tuple[AddressReport, ...]

    @property
    def works(self) -> bool:
        """Whether a client can take part: at least one selector can be used."""
        return any(one.works and not one.is_webserver for one in self.addresses)

    @property
    def firewall(self) -> tuple[str, ...]:
        """Each ``host:port`` that has to be let through, once."""
        return tuple(dict.fromkeys(one.address for one in self.addresses))

    @property
    def summary(self) -> str:
        """Say in a sentence or two whether a client can take part."""
        failing = [one.address for one in self.addresses if not one.works]
        if not self.works:
            return f"No selector of “{self.title}” can be used from here."
        if not failing:
            return f"Everything works: a client can take part in “{self.title}” from here."
        return (
            f"A client can take part in “{self.title}” from here; it cannot use "
            f"{', '.join(failing)}."
        )

    def as_json(self) -> dict[str, Any]:
        """Return it for scripts."""
        return {
            "title": self.title,
            "works": self.works,
            "summary": self.summary,
            "addresses": [one.as_json() for one in self.addresses],
            "firewall": list(self.firewall),
        }
