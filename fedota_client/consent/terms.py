"""The terms in words: who asks, what will run, what will leave, where to, for how long."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fedota_client.shared_metrics import ShareMetrics
from fedota_proto.data_format import DataFormat, ImagesFormat
from fedota_proto.invite import Invite
from fedota_proto.manifest import Manifest
from fedota_proto.model_config import LayerSummary
from fedota_proto.privacy_rules import PrivacyRules
from fedota_proto.problem import Problem
from fedota_proto.terms import (
    STAYS,
    arrays_words,
    holdout_words,
    leaves_words,
    noise_words,
    runs_words,
    seen_by_words,
    strategy_words,
    update_bytes,
)
from fedota_proto.units import size_words

_ARRAYS_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Choices:
    """What the holder chose, beside the problem's own rules.

    Parameters
    ----------
    data
        The data folder.
    rounds_wanted
        ``--rounds``, 0 for all.
    evaluates
        Whether this client takes part in evaluation.
    share
        How exactly metrics are told.
    noise
        Added to every update, None for none.
    """

    data: str
    rounds_wanted: int = 0
    evaluates: bool = True
    share: ShareMetrics = ShareMetrics.EXACT
    noise: PrivacyRules | None = None

    def fields(self) -> dict[str, Any]:
        """Write them as JSON values, to be hashed."""
        noise = self.noise
        return {
            "data": self.data,
            "rounds_wanted": self.rounds_wanted,
            "evaluates": self.evaluates,
            "share": str(self.share),
            "noise": noise and [noise.clipping_norm, noise.noise_multiplier, noise.delta],
        }


@dataclass(frozen=True, slots=True)
class Terms:
    """Everything that is agreed to.

    Parameters
    ----------
    problem, problem_id, member
        Title and id of the problem, the name that the invite gives this client.
    asks
        Sentences: who sets the problem, and what it is for.
    runs
        Sentences: what will run on this machine.
    layers
        Of the model, empty for a Flower app.
    leaves
        Sentences: what will leave.
    arrays
        Name, dtype and shape of each array that leaves.
    goes_to
        Addresses of the selectors and of the webserver.
    seen_by
        Sentence: who can see a single update.
    stays
        Sentence: what does not leave.
    lasts
        Sentence: for how many rounds.
    """

    problem: str
    problem_id: str
    member: str
    asks: tuple[str, ...]
    runs: tuple[str, ...]
    leaves: tuple[str, ...]
    goes_to: tuple[str, ...]
    seen_by: str
    stays: str
    lasts: str
    layers: tuple[LayerSummary, ...] = ()
    arrays: tuple[str, ...] = field(default=())

    def text(self) -> str:
        """Write the terms for people, one paragraph each."""
        lines = [
            f"You are about to take part in “{self.problem}” ({self.problem_id}) as {self.member}.",
            "",
            "Who asks",
            *(f"  {line}" for line in self.asks),
            "",
            "What will run here",
            *(f"  {line}" for line in self.runs),
        ]
        if self.layers:
            lines += ["", *_layer_table(self.layers)]
        lines += ["", "What will leave this machine", *(f"  {line}" for line in self.leaves)]
        shown = self.arrays[:_ARRAYS_SHOWN]
        lines += [f"    {line}" for line in shown]
        if len(self.arrays) > len(shown):
            lines.append(f"    … and {len(self.arrays) - len(shown)} more")
        lines += [f"  {self.stays}", "", "Where to", *(f"  {line}" for line in self.goes_to)]
        lines += [f"  {self.seen_by}", "", "For how long", f"  {self.lasts}"]
        return "\n".join(lines)


def _layer_table(layers: tuple[LayerSummary, ...]) -> list[str]:
    width = max(len("layer"), *(len(layer.name) for layer in layers))
    rows = [("layer", "Keras class"), *((layer.name, layer.class_name) for layer in layers)]
    return [f"    {name:<{width}}  {class_name}" for name, class_name in rows]


def _goes_to(invite: Invite) -> tuple[str, ...]:
    lines = [f"selector {address} ({name})" for address, name in invite.selectors]
    if invite.webserver:
        lines.append(f"webserver {invite.webserver}")
    return (*lines, "All of it over TLS; the certificates are checked against the invite's CA.")


def _lasts(rounds_wanted: int, rounds: int) -> str:
    if rounds_wanted:
        return f"{rounds_wanted} counted rounds (--rounds), then this client stops."
    until = f"until the problem's {rounds} rounds are done" if rounds else "until the app has ended"
    return f"Every round that admits this client, {until} or you stop it (Ctrl-C)."


_DATA_WORDS = {"table": "tables", "images": "pictures", "text": "texts", "arrays": "arrays"}


def _data_words(data: DataFormat) -> str:
    if isinstance(data, ImagesFormat) and data.targets:
        return "the pictures and their labels in"
    return f"the {_DATA_WORDS[data.kind]} in"


def keras_terms(
    invite: Invite,
    problem: Problem,
    manifest: Manifest,
    choices: Choices,
    *,
    layers: tuple[LayerSummary, ...],
    model_sha256: str,
    model_bytes: int,
) -> Terms:
    """Write the terms of a published problem.

    Parameters
    ----------
    invite, problem, manifest
        As they came.
    choices
        The holder's.
    layers
        Of the model, after its file has passed the allowlist.
    model_sha256, model_bytes
        Of the model's file.
    """
    spec = problem.strategy.spec
    evaluates = choices.evaluates and choices.share is not ShareMetrics.NONE
    where = f"{_data_words(problem.data)} {choices.data}"
    runs = [
        runs_words(problem.training, where),
        holdout_words(problem.training, evaluates=evaluates),
        f"The model's file ({size_words(model_bytes)}, SHA-256 {model_sha256[:16]}…) holds layers "
        "from Keras's own list and no code.",
        strategy_words(spec),
    ]
    return Terms(
        problem=problem.title or invite.title,
        problem_id=invite.problem_id,
        member=invite.name,
        asks=_asks(problem),
        runs=tuple(runs),
        leaves=tuple(_leaves(problem, manifest, choices)),
        goes_to=_goes_to(invite),
        seen_by=seen_by_words(spec),
        stays=STAYS,
        lasts=_lasts(choices.rounds_wanted, problem.rounds.rounds),
        layers=layers,
        arrays=tuple(
            f"{array.name}  {array.dtype}  {'×'.join(map(str, array.shape)) or 'scalar'}"
            for array in manifest.arrays
        ),
    )


def _asks(problem: Problem) -> tuple[str, ...]:
    setter = problem.setter or "The problem names no setter: ask whoever sent you the invite."
    return (setter, *(line for line in problem.description.splitlines() if line.strip()))


def _leaves(problem: Problem, manifest: Manifest, choices: Choices) -> list[str]:
    rounds = choices.rounds_wanted or problem.rounds.rounds
    lines = [
        f"{leaves_words(manifest, problem.strategy.spec)} In {rounds} rounds about "
        f"{size_words(rounds * update_bytes(manifest))}; a round that is abandoned and repeated "
        "counts again."
    ]
    if choices.share is ShareMetrics.COARSE:
        lines.append(
            "The number of examples is told to two digits, each other number to two decimals "
            "(--share-metrics coarse)."
        )
    elif choices.share is ShareMetrics.NONE:
        lines.append(
            "Of these numbers only num-examples is told, to two digits, and nothing is evaluated "
            "(--share-metrics none)."
        )
    if choices.noise is not None:
        lines.append(noise_words(choices.noise, rounds))
    return [*lines, f"{arrays_words(manifest)}:"]


def app_terms(invite: Invite, app_dir: str, *, rounds_wanted: int = 0) -> Terms:
    """Write the terms of a Flower app that the owner has installed.

    Parameters
    ----------
    invite
        As it came.
    app_dir
        The app's folder.
    rounds_wanted
        ``--rounds``, 0 for all.
    """
    return Terms(
        problem=invite.title,
        problem_id=invite.problem_id,
        member=invite.name,
        asks=("Whoever runs the app; Fedota does not know its author.",),
        runs=(
            f"The Flower app in {app_dir}, which you installed: its own code, with your rights, "
            "on whatever it opens.",
            "Fedota brought none of it and does not look into it.",
        ),
        leaves=("Whatever the app's code puts into its replies, unread by Fedota.",),
        goes_to=_goes_to(invite),
        seen_by=(
            "A single reply can be seen by its selector and the coordinator; under a mean that "
            "the app declares, by its selector alone."
        ),
        stays="What stays is the app's to decide: read it, or trust its author.",
        lasts=_lasts(rounds_wanted, 0),
    )
