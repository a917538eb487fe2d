"""Tuning a model on the holder's own examples, and stopping before it learns them by heart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from fedota_client.examples import Values

if TYPE_CHECKING:
    from fedota_client.keras_model import KerasModel

Tensors = tuple[Sequence[Values], Sequence[Values]]


@dataclass(frozen=True, slots=True)
class TuningRules:
    """How to tune.

    Parameters
    ----------
    epochs_max
        Most passes over the examples.
    patience
        Stop when so many epochs in a row have not bettered the validation loss.
    batch_size
        Examples in a step.
    seed
        Of the order of the examples.
    rate_factor
        On the model's own learning rate: what trains well from scratch is too rough for a model
        that is nearly right.
    ditto_lambda
        λ of Ditto's proximal term λ/2 · ‖v − w‖², which keeps the personal model v near the shared
        model w; 0 tunes without it.

    References
    ----------
    Li, Hu, Beirami and Smith, Ditto: Fair and Robust Federated Learning Through Personalization,
    ICML 2021, arXiv:2012.04221. There v is trained beside w in every round; here from the finished
    w, which is the same objective with w fixed.
    """

    epochs_max: int = 50
    patience: int = 5
    batch_size: int = 32
    seed: int = 0
    rate_factor: float = 0.1
    ditto_lambda: float = 0.0


@dataclass(slots=True)
class Tuned:
    """What tuning brought.

    Parameters
    ----------
    arrays
        Of the epoch with the lowest validation loss; those it began with, if none bettered them.
    best_epoch
        Which that was, 0 for the beginning.
    train_losses, validation_losses
        One for each epoch; the validation's begins with the one before training.
    """

    arrays: dict[str, np.ndarray]
    best_epoch: int = 0
    train_losses: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)


def tune(
    model: KerasModel,
    train: Tensors,
    validation: Tensors,
    rules: TuningRules,
    on_epoch: Callable[[int, float, float], None] = lambda epoch, train, validation: None,
) -> Tuned:
    """Train from the model's present weights until the validation loss betters no more.

    Parameters
    ----------
    model
        Compiled with its own optimizer and loss; holds the tuned weights of the last epoch after.
    train, validation
        Inputs and targets.
    rules
        How.
    on_epoch
        Told the epoch, from 1, and both losses.

    Returns
    -------
    Tuned
        The best epoch's arrays.

    Raises
    ------
    TaskFailedError
        ``diverged``, ``out-of-memory`` or ``keras``.
    """
    from fedota_client.keras_model import TrainingPlan

    best_loss = model.evaluate(*validation)["loss"]
    tuned = Tuned(model.arrays(), validation_losses=[best_loss])

    def after(epoch: int, results: dict[str, float]) -> bool:
        nonlocal best_loss
        loss = model.evaluate(*validation)["loss"]
        tuned.train_losses.append(results["loss"])
        tuned.validation_losses.append(loss)
        on_epoch(epoch, results["loss"], loss)
        if loss < best_loss:
            best_loss, tuned.best_epoch, tuned.arrays = loss, epoch, model.arrays()
        return epoch - tuned.best_epoch < rules.patience

    plan = TrainingPlan(
        epochs=rules.epochs_max,
        batch_size=rules.batch_size,
        seed=rules.seed,
        proximal_mu=rules.ditto_lambda,
    )
    model.train(*train, plan, on_epoch=after)
    return tuned
