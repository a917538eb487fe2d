"""What `personalize` does, in its order: fetch, judge, tune in a process of its own, put away."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedota_client.dialing import Dialer
from fedota_client.home import ClientHome
from fedota_client.job_process import run_job
from fedota_client.participation import make_member
from fedota_client.personal.fetching import Fetched, fetch_models
from fedota_client.personal.output import check_output, whole_or_nothing
from fedota_client.policy.rules import PolicyRules, Wanted, platform_sha256
from fedota_client.progress import Display
from fedota_client.settings import ClientSettings
from fedota_client.worker_handle import Progress
from fedota_proto.errors import FolderError
from fedota_proto.invite import Invite
from fedota_proto.manifest import Manifest
from fedota_proto.problem import parse_problem
from fedota_proto.release import release

RESULTS = ("shared.keras", "personal.keras", "report.html")
_MODELS = {"personal": "tune", "local": "local"}


@dataclass(frozen=True, slots=True)
class PersonalOptions:
    """What the command line of ``personalize`` says.

    Parameters
    ----------
    data
        The holder's folder.
    out
        Where the three files go.
    server_round
        Whose model is tuned; 0: the newest completed.
    layers
        ``all``, ``last``, or names with commas.
    epochs_max, patience
        When to stop.
    rate_factor
        On the model's learning rate.
    ditto_lambda
        λ of Ditto's proximal term, 0 for none.
    """

    data: Path
    out: Path
    server_round: int = 0
    layers: str = "all"
    epochs_max: int = 50
    patience: int = 5
    rate_factor: float = 0.1
    ditto_lambda: float = 0.0


async def personalize(
    invite: Invite,
    home: ClientHome,
    settings: ClientSettings,
    policies: PolicyRules,
    options: PersonalOptions,
    display: Display,
) -> dict[str, Any]:
    """Fetch a round's model, tune it here, and write model and report.

    Nothing of the data leaves this machine. A client of the same membership may run meanwhile.

    Parameters
    ----------
    invite, home, settings, policies
        Of the membership and this machine.
    options
        The holder's.
    display
        Shows what is done.

    Returns
    -------
    dict
        The comparison as JSON fields.

    Raises
    ------
    FedotaError
        Nothing was written.
    """
    check_output(options.out, RESULTS)
    try:
        place = tempfile.TemporaryDirectory(prefix="personal.", dir=home.folder)
    except OSError as error:
        raise FolderError(
            f"{home.folder} cannot be written ({error.strerror}): check its owner and free space."
        ) from error
    with place as text, ended_by_sigterm():
        member = make_member(invite, home)
        dialer = Dialer(invite, member, settings, display, release=release(), with_webserver=True)
        fetched = await fetch_models(
            dialer, home, settings, display, Path(text), options.server_round
        )
        _judge(invite, settings, policies, fetched)
        with whole_or_nothing(options.out, RESULTS) as out:
            result = await run_job(
                _arguments(fetched, options, out),
                lambda stage: _show(display, stage, options),
                timeout_s=settings.task_timeout_s,
                env={"FEDOTA_WORKER_THREADS": str(settings.threads)} if settings.threads else {},
                memory_max=settings.memory_max,
            )
    display.idle()
    return result


def result_lines(result: dict[str, Any], out: Path) -> list[str]:
    """Say what was found and where it is."""
    return [*result["summary"], f"Model and report are in {out}; open {out / 'report.html'}."]


def _judge(
    invite: Invite, settings: ClientSettings, policies: PolicyRules, fetched: Fetched
) -> None:
    problem = parse_problem(fetched.problem.read_text(encoding="utf-8"))
    manifest = Manifest.from_json(fetched.manifest.read_text(encoding="utf-8"))
    model_bytes = fetched.shared.stat().st_size
    platform = platform_sha256(invite.ca_pem)
    policies.check(Wanted(problem, manifest, model_bytes, platform, settings.share_metrics))


def _arguments(fetched: Fetched, options: PersonalOptions, out: Path) -> list[str]:
    return [
        "personalize",
        *("--problem", str(fetched.problem)),
        *("--problem-id", fetched.problem_id),
        *("--round", str(fetched.server_round)),
        *("--shared", str(fetched.shared)),
        *("--initial", str(fetched.initial)),
        *("--data", str(options.data.resolve())),
        *("--out", str(out)),
        *("--layers", options.layers),
        *("--epochs", str(options.epochs_max)),
        *("--patience", str(options.patience)),
        *("--rate", repr(options.rate_factor)),
        *("--ditto", repr(options.ditto_lambda)),
    ]


def _show(display: Display, stage: dict[str, Any], options: PersonalOptions) -> None:
    match stage.get("stage"):
        case "reading":
            display.note(f"Reading the data in {options.data}.")
        case "tuning":
            display.task(_MODELS.get(str(stage.get("model")), ""), 0)
        case "epoch":
            epoch = int(stage["epoch"])
            most = max(epoch, options.epochs_max)
            display.progress(Progress(epoch, most, 0, 0, float(stage["validation_loss"])))
        case "comparing":
            display.idle()
            display.note("Comparing the three models on the held-out examples.")


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """Turn SIGTERM into the cancellation of the task, so that its job and files go too."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    if task is not None:
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
