"""The attachments of selectors: which is current, which is in its grace, which has ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class EpochState(StrEnum):
    """An epoch is attached, lost for a while, or ended for good."""

    ATTACHED = "attached"
    LOST = "lost"
    ENDED = "ended"


@dataclass(slots=True)
class Epoch:
    """One selector process's attachment.

    Parameters
    ----------
    number
        Counted from 1 in this coordinator's process.
    selector
        The selector's number, from its certificate; fixes its place in the order of folding.
    instance_id
        The selector process's own random id.
    address
        Where clients reach it, host:port.
    """

    number: int
    selector: int
    instance_id: bytes
    address: str
    state: EpochState = EpochState.ATTACHED
    ends_at: float = field(default=0.0)


@dataclass(frozen=True, slots=True)
class Attachment:
    """What an attaching selector got.

    Parameters
    ----------
    epoch
        Its epoch.
    goes_on
        Whether that is the one it had: what it holds still counts.
    ended
        An earlier epoch of the same selector that this attachment ended, else 0.
    """

    epoch: int
    goes_on: bool
    ended: int


class Epochs:
    """All attachments of this coordinator's process; has no clock of its own.

    A selector has at most one epoch that has not ended. When its stream is lost, the epoch waits
    for `grace_s` for the same process; another process of the same selector ends it at once.

    Parameters
    ----------
    grace_s
        How long a lost selector may come back.
    """

    def __init__(self, grace_s: float) -> None:
        self._grace_s = grace_s
        self._epochs: dict[int, Epoch] = {}
        self._by_selector: dict[int, int] = {}
        self._next = 1

    def __getitem__(self, epoch: int) -> Epoch:
        return self._epochs[epoch]

    def attach(self, selector: int, instance_id: bytes, address: str, claimed: int) -> Attachment:
        """Take a selector on.

        Parameters
        ----------
        selector
            Its number.
        instance_id
            Of its process.
        address
            Where clients reach it now.
        claimed
            The epoch that it believes to have, 0 for none.

        Returns
        -------
        Attachment
            Going on with the claimed epoch if that is its own and has not ended, else a new one.
        """
        before = self._epochs.get(self._by_selector.get(selector, 0))
        if (
            before is not None
            and before.number == claimed
            and before.instance_id == instance_id
            and before.state is not EpochState.ENDED
        ):
            before.state, before.address = EpochState.ATTACHED, address
            return Attachment(before.number, goes_on=True, ended=0)
        ended = 0
        if before is not None and self.end(before.number):
            ended = before.number
        number = self._next
        self._next += 1
        self._epochs[number] = Epoch(number, selector, instance_id, address)
        self._by_selector[selector] = number
        return Attachment(number, goes_on=False, ended=ended)

    def lose(self, epoch: int, now: float) -> float:
        """Note that a selector's stream is gone.

        Returns
        -------
        float
            When the epoch ends unless the selector comes back, monotonic.
        """
        entry = self._epochs[epoch]
        if entry.state is EpochState.ATTACHED:
            entry.state, entry.ends_at = EpochState.LOST, now + self._grace_s
        return entry.ends_at

    def end(self, epoch: int) -> bool:
        """End an epoch; tell whether it had not ended before."""
        entry = self._epochs[epoch]
        if entry.state is EpochState.ENDED:
            return False
        entry.state = EpochState.ENDED
        return True

    def end_due(self, now: float) -> list[int]:
        """End the epochs whose grace is over.

        Returns
        -------
        list of int
            Those that ended now.
        """
        due = [
            entry.number
            for entry in self._epochs.values()
            if entry.state is EpochState.LOST and now >= entry.ends_at
        ]
        for number in due:
            self.end(number)
        return due

    def is_attached(self, epoch: int) -> bool:
        """Whether the epoch's selector is connected."""
        entry = self._epochs.get(epoch)
        return entry is not None and entry.state is EpochState.ATTACHED

    def has_ended(self, epoch: int) -> bool:
        """Whether the epoch has ended, or never was."""
        entry = self._epochs.get(epoch)
        return entry is None or entry.state is EpochState.ENDED

    def current(self) -> list[Epoch]:
        """List the epochs that have not ended, in the selectors' fixed order."""
        live = [entry for entry in self._epochs.values() if entry.state is not EpochState.ENDED]
        return sorted(live, key=lambda entry: entry.selector)

    def forget_ended(self, *, keep: set[int]) -> None:
        """Forget ended epochs that nothing refers to any more."""
        for number, entry in list(self._epochs.items()):
            if entry.state is EpochState.ENDED and number not in keep:
                del self._epochs[number]
                if self._by_selector.get(entry.selector) == number:
                    del self._by_selector[entry.selector]
