"""What taking part in a problem means, in words: the client's consent and the page for joining."""

from __future__ import annotations

from fedota_proto.manifest import Manifest
from fedota_proto.privacy_cost import epsilon_of
from fedota_proto.privacy_rules import PrivacyRules
from fedota_proto.problem_rules import TrainingRules
from fedota_proto.strategy_table import StrategySpec
from fedota_proto.units import size_words

STAYS = "No example leaves; the numbers above are counts and averages over yours."
_HEADER_BYTES = 128


def update_bytes(manifest: Manifest) -> int:
    """Return about how many bytes one update has: its arrays and what stands before each."""
    return manifest.size_bytes + _HEADER_BYTES * len(manifest.arrays)


def update_metrics(manifest: Manifest) -> tuple[str, ...]:
    """Name the numbers that leave beside the arrays, in training or evaluation."""
    return tuple(dict.fromkeys(("num-examples", *manifest.metrics)))


def runs_words(training: TrainingRules, where: str) -> str:
    """Say what trains where.

    Parameters
    ----------
    training
        The problem's.
    where
        What it is trained on, as ``the tables in /data``.
    """
    return (
        f"Keras trains the model below on {where}: {training.local_epochs} "
        f"epoch{'s' if training.local_epochs != 1 else ''} a round, "
        f"{training.batch_size} examples a step."
    )


def holdout_words(training: TrainingRules, *, evaluates: bool = True) -> str:
    """Say what is kept from training, and who evaluates on it."""
    return (
        f"{training.holdout_fraction:.0%} of the examples are never trained on; the model is "
        "evaluated on them" + (" after each round." if evaluates else " by nobody (no evaluation).")
    )


def strategy_words(spec: StrategySpec) -> str:
    """Say how updates are combined."""
    return f"The updates are combined by {spec.name}: {spec.summary}"


def leaves_words(manifest: Manifest, spec: StrategySpec) -> str:
    """Say what leaves in each round."""
    return (
        f"The trained model's arrays, about {size_words(update_bytes(manifest))} a round, and the "
        f"numbers {', '.join(update_metrics(manifest))}"
        + (" (the loss in training too)." if spec.needs_loss else ".")
    )


def arrays_words(manifest: Manifest) -> str:
    """Count the arrays."""
    return f"{len(manifest.arrays)} array{'s' if len(manifest.arrays) != 1 else ''}"


def noise_words(noise: PrivacyRules, rounds: int) -> str:
    """Say what is done to an update before it leaves, and what that many rounds cost at most."""
    return (
        f"What training changed is clipped to the norm {noise.clipping_norm:g} and gets Gaussian "
        f"noise of {noise.noise_multiplier:g} times that. {cost_words(noise, rounds)} Your client "
        "shows both after each round, and keeps them with the receipts. Noise protects the arrays, "
        "not the numbers beside them."
    )


def cost_words(noise: PrivacyRules, rounds: int) -> str:
    """Say what updates with this noise cost, by Flower's accountant: one, and one a round."""
    return (
        f"An update costs ε = {epsilon_of(noise, 1):.2f}, all {rounds} rounds together at most "
        f"ε = {epsilon_of(noise, rounds):.2f}, at δ = {noise.delta:g}."
    )


def seen_by_words(spec: StrategySpec) -> str:
    """Say who can see a single update."""
    return f"A single update of yours can be seen by {spec.seen_by}."
