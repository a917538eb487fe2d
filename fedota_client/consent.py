"""What the owner of the data agrees to before anything of it is used.

The terms say what will run, what will leave, where to and for how many rounds, and who can see a
single update. They are shown whole, and asked for again whenever they have changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from fedota_client.home import ClientHome
from fedota_proto.errors import UsageError
from fedota_proto.invite import Invite
from fedota_proto.manifest import Manifest
from fedota_proto.model_config import LayerSummary
from fedota_proto.problem import Problem
from fedota_proto.terms import (
    STAYS,
    arrays_words,
    holdout_words,
    leaves_words,
    runs_words,
    seen_by_words,
    strategy_words,
)
from fedota_proto.units import size_words

_ARRAYS_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Terms:
    """Everything that is agreed to.

    Parameters
    ----------
    problem, problem_id, member
        Title and id of the problem, the name that the invite gives this client.
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
    runs: tuple[str, ...]
    leaves: tuple[str, ...]
    goes_to: tuple[str, ...]
    seen_by: str
    stays: str
    lasts: str
    layers: tuple[LayerSummary, ...] = ()
    arrays: tuple[str, ...] = field(default=())

    @property
    def sha256(self) -> str:
        """Hash of everything that is agreed to, in hex; addresses may change without asking."""
        agreed = {**asdict(self), "goes_to": None}
        return hashlib.sha256(json.dumps(agreed, sort_keys=True).encode()).hexdigest()

    def text(self) -> str:
        """Write the terms for people, one paragraph each."""
        lines = [
            f"You are about to take part in “{self.problem}” ({self.problem_id}) as {self.member}.",
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


def keras_terms(
    invite: Invite,
    problem: Problem,
    manifest: Manifest,
    *,
    layers: tuple[LayerSummary, ...],
    model_sha256: str,
    model_bytes: int,
    data: str,
    rounds_wanted: int = 0,
    evaluates: bool = True,
) -> Terms:
    """Write the terms of a published problem.

    Parameters
    ----------
    invite, problem, manifest
        As they came.
    layers
        Of the model, after its file has passed the allowlist.
    model_sha256, model_bytes
        Of the model's file.
    data
        The owner's data folder.
    rounds_wanted
        ``--rounds``, 0 for all.
    evaluates
        Whether this client takes part in evaluation.
    """
    spec = problem.strategy.spec
    runs = [
        runs_words(problem.training, f"the tables in {data}"),
        holdout_words(problem.training, evaluates=evaluates),
        f"The model's file ({size_words(model_bytes)}, SHA-256 {model_sha256[:16]}…) holds layers "
        "from Keras's own list and no code.",
        strategy_words(spec),
    ]
    leaves = [leaves_words(manifest, spec), f"{arrays_words(manifest)}:"]
    return Terms(
        problem=problem.title or invite.title,
        problem_id=invite.problem_id,
        member=invite.name,
        runs=tuple(runs),
        leaves=tuple(leaves),
        goes_to=_goes_to(invite),
        seen_by=seen_by_words(spec),
        stays=STAYS,
        lasts=_lasts(rounds_wanted, problem.rounds.rounds),
        layers=layers,
        arrays=tuple(
            f"{array.name}  {array.dtype}  {'×'.join(map(str, array.shape)) or 'scalar'}"
            for array in manifest.arrays
        ),
    )


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


def ask(
    terms: Terms,
    home: ClientHome,
    *,
    yes: bool,
    terminal: bool,
    write: Callable[[str], None],
    confirm: Callable[[str], bool],
) -> bool:
    """Show the terms and get the owner's consent, unless these very terms have it.

    Parameters
    ----------
    terms
        To be agreed to.
    home
        Where the answer is kept.
    yes
        Whether ``--yes`` was given.
    terminal
        Whether somebody can answer.
    write, confirm
        Show a text; ask a yes-or-no question.

    Returns
    -------
    bool
        Whether there is consent.

    Raises
    ------
    UsageError
        There is neither a terminal nor ``--yes``.
    """
    if home.consented() == terms.sha256:
        return True
    text = terms.text()
    write(text)
    if not yes:
        if not terminal:
            raise UsageError(
                "Nothing has run: there is no terminal to ask on; repeat the command with --yes "
                "if you agree to the above."
            )
        if not confirm("Do you agree?"):
            return False
    home.record_consent(terms.sha256, text, "--yes" if yes else "terminal")
    return True
