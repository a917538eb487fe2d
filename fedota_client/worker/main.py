"""The worker's loop: load once, then one task after another."""

from __future__ import annotations

import logging
import signal
import sys

from fedota_client.failures import TaskFailedError
from fedota_client.keras_environment import WorkerSettings
from fedota_client.worker.mailbox import ClientGoneError, Mailbox
from fedota_client.worker.tasks import Progress, Task, TaskRunner
from fedota_client.worker_protocol import Frame, payload_parts, payload_sha256
from fedota_proto.errors import FedotaError, StreamError
from fedota_proto.settings_check import load_settings

LOGGER = logging.getLogger(__name__)


def main() -> int:
    """Serve one client until it says stop or is gone.

    Returns
    -------
    int
        Exit code: 0 when told to stop, 1 otherwise.
    """
    # Ctrl-C in a terminal reaches the whole group; the client decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    mailbox = Mailbox.on_standard_streams()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    logging.getLogger("fedota_client").setLevel(logging.INFO)
    try:
        return serve(mailbox)
    except ClientGoneError:
        return 0
    except StreamError as error:
        LOGGER.error("%s", error.public_message)
        return 1


def serve(mailbox: Mailbox) -> int:
    """Load what the first frame says and do the tasks that follow.

    Parameters
    ----------
    mailbox
        To and from the client.

    Returns
    -------
    int
        Exit code.

    Raises
    ------
    ClientGoneError
        If the client closes the pipe.
    StreamError
        If it sends something else than frames in their order.
    """
    runner: TaskRunner | None = None
    while (frame := mailbox.next()).kind != "stop":
        if frame.kind == "load" and runner is None:
            try:
                runner = load(frame)
            except FedotaError as error:
                mailbox.send("error", {"code": error.code, "public_message": error.public_message})
                return 1
            mailbox.send("loaded", runner.loaded())
        elif frame.kind == "task" and runner is not None:
            do_task(mailbox, runner, frame)
        elif frame.kind != "cancel":
            raise StreamError(f"A worker does not expect a frame of kind {frame.kind!r} now.")
    return 0


def load(frame: Frame) -> TaskRunner:
    """Make the runner that a ``load`` frame asks for.

    Raises
    ------
    FedotaError
        If problem, model, data or app are refused.
    """
    if frame.fields["mode"] == "app":
        from fedota_client.app_runner import AppRunner

        return AppRunner.load(frame.fields)
    from fedota_client.worker.keras_tasks import KerasTasks

    return KerasTasks.load(frame.fields, load_settings(WorkerSettings))


def do_task(mailbox: Mailbox, runner: TaskRunner, frame: Frame) -> None:
    """Do one task and answer it.

    Parameters
    ----------
    mailbox
        To and from the client.
    runner
        Loaded.
    frame
        Of kind ``task``.

    Raises
    ------
    ClientGoneError
        If the client closes the pipe.
    StreamError
        If the frame is malformed.
    """
    task = Task.from_fields(frame.fields)
    name = {"task_id": task.task_id}
    progress = Progress(
        is_cancelled=lambda: mailbox.is_cancelled(task.task_id),
        send=lambda fields: mailbox.send("progress", {**name, **fields}),
    )
    try:
        update = runner.run(task, frame.records(), progress)
    except TaskFailedError as error:
        mailbox.send("failed", {**name, "code": error.code, "reason": error.reason})
        return
    parts = payload_parts(update)
    digest = payload_sha256(parts).hex() if runner.names_updates else ""
    mailbox.send("result", {**name, "update_sha256": digest, **runner.aside()}, parts)
