"""How much privacy the noisy updates have cost so far, by Flower's accountant.

Every update that is made counts, whether or not the platform counts it: once it has left, it has
been seen. The ledger is written before the update is handed on, so that a crash can only make the
account too high.
"""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flwr.serverapp import (
    GaussianPrivacyEvent,
    NeighboringRelation,
    PrivacyConfig,
    RdpAccountant,
    SamplingMethod,
)

from fedota_client.failures import TaskFailedError
from fedota_proto.errors import FolderError
from fedota_proto.privacy_cost import SENSITIVITY

_log = logging.getLogger(__name__)

_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND


@dataclass(frozen=True, slots=True)
class Spent:
    """What noisy updates have cost.

    Parameters
    ----------
    epsilon_round
        ε of the newest alone.
    epsilon_total
        ε of all together.
    delta
        δ at which both hold.
    updates
        How many there are.
    """

    epsilon_round: float
    epsilon_total: float
    delta: float
    updates: int

    def fields(self) -> dict[str, Any]:
        """Write it as JSON fields."""
        return {
            "epsilon_round": self.epsilon_round,
            "epsilon_total": self.epsilon_total,
            "delta": self.delta,
            "updates": self.updates,
        }


class PrivacyAccount:
    """The account of one membership, kept in a file.

    ε is that of local differential privacy: between any two data sets that the holder might have
    had. No amplification by the selection of clients is claimed, since who is selected is known to
    the platform.

    Parameters
    ----------
    ledger
        One line for each update; made with the first.
    delta
        δ at which ε is told.
    epsilon_max
        The most that all updates together may cost; 0: no bound.

    Raises
    ------
    FolderError
        The ledger cannot be read, or is damaged.

    References
    ----------
    Mironov, Rényi Differential Privacy, CSF 2017, arXiv:1702.07476.
    """

    def __init__(self, ledger: Path, delta: float, epsilon_max: float = 0.0) -> None:
        self._ledger = ledger
        self._delta = delta
        self._epsilon_max = epsilon_max
        self._accountant = self._new()
        for noise_multiplier, count in _read(ledger).items():
            self._accountant.compose(_event(noise_multiplier), count)

    def spend(self, noise_multiplier: float) -> Spent:
        """Enter one more update, before it is handed on.

        Parameters
        ----------
        noise_multiplier
            z of its noise.

        Returns
        -------
        Spent
            With it.

        Raises
        ------
        TaskFailedError
            ``privacy-budget``: it would cost more than is allowed. ``privacy-ledger``: it cannot be
            entered, so it must not leave.
        """
        event = _event(noise_multiplier)
        if self._epsilon_max and self._accountant.would_exceed(event, self._epsilon_max):
            raise TaskFailedError(
                "privacy-budget",
                f"The holder's privacy budget of ε = {self._epsilon_max:g} is spent.",
            )
        line = json.dumps({"noise_multiplier": noise_multiplier}) + "\n"
        try:
            fd = os.open(self._ledger, _APPEND, 0o600)
            try:
                os.write(fd, line.encode())
                os.fsync(fd)
            finally:
                os.close(fd)
        except OSError as error:
            _log.error("%s cannot be written", self._ledger, exc_info=error)
            raise TaskFailedError(
                "privacy-ledger",
                "The account of the holder's privacy cannot be written, so nothing was sent: check "
                "the folder's owner and free space.",
            ) from error
        self._accountant.compose(event)
        alone = self._new()
        alone.compose(event)
        return Spent(
            alone.get_epsilon(self._delta),
            self._accountant.get_epsilon(self._delta),
            self._delta,
            self._accountant.num_releases,
        )

    def _new(self) -> RdpAccountant:
        return RdpAccountant(
            PrivacyConfig(
                target_delta=self._delta,
                population_size=1,
                neighboring_relation=NeighboringRelation.ADD_OR_REMOVE_ONE,
                sampling_method=SamplingMethod.NO_AMPLIFICATION,
            )
        )


def _event(noise_multiplier: float) -> GaussianPrivacyEvent:
    return GaussianPrivacyEvent(noise_multiplier / SENSITIVITY, 1, 1)


def _read(ledger: Path) -> Counter[float]:
    """Count the updates by their noise; a last line that a crash cut off was never handed on."""
    try:
        text = ledger.read_text() if ledger.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            os.truncate(ledger, len(whole.encode()))
        return Counter(float(json.loads(line)["noise_multiplier"]) for line in whole.splitlines())
    except OSError as error:
        raise FolderError(f"{ledger} cannot be read ({error.strerror}).") from error
    except (ValueError, KeyError, TypeError) as error:
        raise FolderError(
            f"The privacy ledger {ledger} is damaged: restore it from a backup; without it nobody "
            "knows what the updates so far have cost.",
            detail=str(error),
        ) from error
