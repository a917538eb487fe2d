"""Mechanism and account together: nothing noisy leaves that was not entered."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from fedota_client.noise.accountant import PrivacyAccount, Spent
from fedota_client.noise.mechanism import NoisyUpdates
from fedota_proto.privacy_rules import PrivacyRules


class UpdateGuard:
    """Makes of each trained model what may leave.

    Parameters
    ----------
    updates
        The mechanism.
    account
        Of this membership.
    """

    def __init__(self, updates: NoisyUpdates, account: PrivacyAccount) -> None:
        self._updates = updates
        self._account = account

    @classmethod
    def load(cls, fields: Mapping[str, Any]) -> Self:
        """Make it from the ``noise`` field of a ``load`` frame.

        Parameters
        ----------
        fields
            ``clipping_norm, noise_multiplier, delta, epsilon_max, ledger``.

        Raises
        ------
        FolderError
            The ledger cannot be read.
        """
        rules = PrivacyRules(
            float(fields["clipping_norm"]),
            float(fields["noise_multiplier"]),
            float(fields["delta"]),
        )
        account = PrivacyAccount(
            Path(fields["ledger"]), rules.delta, float(fields.get("epsilon_max") or 0.0)
        )
        return cls(NoisyUpdates(rules), account)

    def apply(
        self,
        received: Mapping[str, np.ndarray],
        trained: Mapping[str, np.ndarray],
        trainable: Collection[str],
    ) -> tuple[dict[str, np.ndarray], Spent]:
        """Clip, add noise and enter the cost.

        Parameters
        ----------
        received, trained, trainable
            As `NoisyUpdates.apply`.

        Returns
        -------
        dict
            What may leave.
        Spent
            What it costs, with all before.

        Raises
        ------
        TaskFailedError
            Nothing may leave; the code says why.
        """
        arrays = self._updates.apply(received, trained, trainable)
        return arrays, self._account.spend(self._updates.rules.noise_multiplier)
