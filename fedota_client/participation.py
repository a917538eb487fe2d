"""From consent to the end: the worker started, the run carried, signals heeded."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from fedota_client.attendance import Attendance
from fedota_client.connection import Member
from fedota_client.dialing import Dialer
from fedota_client.home import ClientHome
from fedota_client.limits.limits import WorkLimits, judge_now
from fedota_client.limits.schedule import Schedule
from fedota_client.policy.rules import PolicyRules
from fedota_client.progress import Display
from fedota_client.receipts.book import ReceiptBook
from fedota_client.run import ClientRun
from fedota_client.settings import ClientSettings
from fedota_client.shared_metrics import ShareMetrics
from fedota_client.worker_handle import WORKER_COMMAND, Loaded, WorkerHandle
from fedota_proto.credential import new_session_id
from fedota_proto.invite import Invite
from fedota_proto.privacy_rules import PrivacyRules
from fedota_proto.release import release

_STOPPED_BY = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}

_output = logging.getLogger("fedota_client.worker_output")


@dataclass(frozen=True, slots=True)
class JoinOptions:
    """What the command line of ``join`` says.

    Parameters
    ----------
    data
        The owner's folder of tables, None for a Flower app.
    app
        The app's folder, None for a published problem.
    rounds_wanted
        Leave after so many counted rounds; 0 stays.
    evaluates
        Whether this client takes part in evaluation.
    share
        How exactly weight and metrics are told.
    noise
        Added to every update; None for none.
    policies
        Of this machine.
    node_config
        What a Flower app finds in ``context.node_config``.
    run_config
        What a Flower app finds in ``context.run_config`` in place of its own values.
    worker_command
        What is started as the worker.
    """

    data: Path | None = None
    app: Path | None = None
    rounds_wanted: int = 0
    evaluates: bool = True
    share: ShareMetrics = ShareMetrics.EXACT
    noise: PrivacyRules | None = None
    policies: PolicyRules = field(default_factory=PolicyRules)
    node_config: dict[str, Any] = field(default_factory=dict)
    run_config: dict[str, Any] = field(default_factory=dict)
    worker_command: Sequence[str] = WORKER_COMMAND

    @property
    def evaluates_here(self) -> bool:
        """Whether this client takes part in evaluation, as it shares metrics."""
        return self.evaluates and self.share is not ShareMetrics.NONE


def make_member(invite: Invite, home: ClientHome) -> Member:
    """Return who calls: the folder's key, a new session, and the invite until it is enrolled."""
    return Member(
        key=home.key(),
        problem_id=invite.problem_id,
        node_id=invite.node_id,
        session_id=new_session_id(),
        invite="" if home.enrolled else invite.text,
    )


def load_fields(invite: Invite, home: ClientHome, options: JoinOptions) -> dict[str, Any]:
    """Return the fields of the ``load`` frame."""
    fields: dict[str, Any] = {
        "node_id": invite.node_id,
        "run_id": run_id(invite.problem_id),
    }
    if options.app is not None:
        fields |= {
            "mode": "app",
            "app_dir": str(options.app.resolve()),
            "node_config": options.node_config,
            "run_config": options.run_config,
        }
        return fields
    return fields | {
        "mode": "keras",
        "model_path": str(home.model_file.resolve()),
        "manifest_path": str(home.manifest_file.resolve()),
        "problem_toml": home.problem_file.read_text(encoding="utf-8"),
        "data_dir": str((options.data or Path()).resolve()),
        "share_metrics": str(options.share),
        "noise": _noise_fields(home, options),
    }


def _noise_fields(home: ClientHome, options: JoinOptions) -> dict[str, Any] | None:
    noise = options.noise
    if noise is None:
        return None
    return {
        "clipping_norm": noise.clipping_norm,
        "noise_multiplier": noise.noise_multiplier,
        "delta": noise.delta,
        "epsilon_max": options.policies.epsilon_max,
        "ledger": str(home.privacy_ledger.resolve()),
    }


def work_limits(home: ClientHome, settings: ClientSettings) -> WorkLimits:
    """Return when this membership's client may work.

    Raises
    ------
    UsageError
        Hours or days are malformed.
    """
    return WorkLimits(
        schedule=Schedule.parse(settings.hours, settings.days),
        on_mains=settings.on_mains,
        battery_percent=settings.battery_percent,
        pause_file=settings.pause_file or home.pause_file,
    )


def run_id(problem_id: str) -> int:
    """Return the number by which Flower knows the problem's run, the same for all its clients."""
    digest = hashlib.sha256(problem_id.encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1 or 1


async def take_part(
    invite: Invite,
    home: ClientHome,
    settings: ClientSettings,
    display: Display,
    options: JoinOptions,
) -> int:
    """Start the worker, take part until the end, and say how it ended.

    Returns
    -------
    int
        Exit code: 0 when finished, 130 after Ctrl-C, 143 after SIGTERM.

    Raises
    ------
    FedotaError
        Model or data are refused, or the platform refuses this client or was never reached.
    """
    stop = _Stop()
    worker = WorkerHandle(
        load_fields(invite, home, options),
        command=options.worker_command,
        load_timeout_s=settings.load_timeout_s,
        on_output=_app_output(display) if options.app is not None else _output.info,
        env={"FEDOTA_WORKER_THREADS": str(settings.threads)} if settings.threads else {},
        memory_max=settings.memory_max,
    )
    attendance = Attendance(partial(judge_now, work_limits(home, settings)))
    member = make_member(invite, home)
    dialer = Dialer(invite, member, settings, display, release=release())
    book = ReceiptBook(home.folder, member.key, invite)
    try:
        display.connection("Starting the worker.")
        loaded = await worker.start()
        if options.app is None:
            options.policies.check_examples(loaded.examples)
        display.note(_loaded_words(loaded, options))
        run = ClientRun(
            invite,
            member,
            home,
            book,
            dialer,
            worker,
            display,
            settings,
            attendance=attendance,
            rounds_wanted=options.rounds_wanted,
            evaluates=options.evaluates_here,
            outlives=options.app is None,
        )
        reason = await run.run()
    except asyncio.CancelledError:
        if stop.signal is None:
            raise
        display.note(
            f"Stopped by {_STOPPED_BY[stop.signal]}; the membership stays. "
            "Run the same command to go on."
        )
        return 128 + stop.signal
    finally:
        worker.kill()
        await worker.close()
        stop.restore()
        book.close()
    display.note(f"Done: {reason}")
    display.note(_counted_words(run.rounds_counted))
    return 0


def _counted_words(rounds: int) -> str:
    if not rounds:
        return "No update of yours was counted in this run."
    where = "one round" if rounds == 1 else f"{rounds} rounds"
    return f"Your updates were counted in {where} of this run: “fedota-client receipts” lists them."


class _Stop:
    """Cancels the task that made it at the first Ctrl-C or SIGTERM."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self._task = asyncio.current_task()
        self._loop = asyncio.get_running_loop()
        for one in _STOPPED_BY:
            self._loop.add_signal_handler(one, self._stop, one)

    def restore(self) -> None:
        """Give the signals back."""
        for one in _STOPPED_BY:
            self._loop.remove_signal_handler(one)

    def _stop(self, one: signal.Signals) -> None:
        if self.signal is None and self._task is not None:
            self.signal = one
            self._task.cancel()


def _app_output(display: Display) -> Callable[[str], None]:
    def show(line: str) -> None:
        _output.info(line)
        display.note(line)

    return show


def _loaded_words(loaded: Loaded, options: JoinOptions) -> str:
    if options.app is not None:
        return f"The app in {options.app} is loaded."
    words = (
        f"{loaded.examples} examples: {loaded.train_examples} to train on, "
        f"{loaded.holdout_examples} held out."
    )
    return f"{words} {loaded.details}".strip()


def parse_node_config(text: str) -> dict[str, Any]:
    """Read Flower's ``key=value key=value``; what is no number and no boolean is a text.

    Raises
    ------
    ValueError
        The text is no such list.
    """
    config: dict[str, Any] = {}
    for pair in text.split():
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise ValueError(pair)
        try:
            read = json.loads(value)
        except ValueError:
            read = value.strip("'\"")
        config[key] = read if isinstance(read, bool | int | float | str) else value
    return config
