"""Runs the ClientApp of an unmodified Flower app, for those who have its folder."""

from __future__ import annotations

import importlib
import logging
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from flwr.app import Context, Message, RecordDict
from flwr.clientapp import ClientApp

from fedota_client.failures import TaskFailedError
from fedota_client.flower_private import instruction, take_identity
from fedota_client.worker.tasks import Progress, Task
from fedota_proto.errors import FolderError, StreamError
from fedota_proto.flower import records_from_flower, records_to_flower
from fedota_proto.records import Records
from fedota_proto.run_config import ConfigValue, flattened, overridden

LOGGER = logging.getLogger(__name__)

PROJECT_FILE = "pyproject.toml"
_REASON_MAX = 500


class AppRunner:
    """Calls an app with one message after another, in one context.

    Parameters
    ----------
    app
        The app's own object.
    context
        Of this node; its state lasts as long as this process.
    """

    # No receipt holds the hash of an app's update.
    names_updates = False

    def __init__(self, app: ClientApp, context: Context) -> None:
        self._app = app
        self._context = context
        take_identity(context.run_id, context.node_id)

    @classmethod
    def load(cls, fields: Mapping[str, Any]) -> AppRunner:
        """Load what a ``load`` frame names.

        Parameters
        ----------
        fields
            ``app_dir, node_id, run_id`` and, where they are given, ``node_config, run_config``.

        Returns
        -------
        AppRunner
            Ready; the app's module is imported.

        Raises
        ------
        FolderError
            If the folder is no Flower app, or its ClientApp cannot be imported.
        UsageError
            If the run's configuration has a key that the app does not know.
        """
        folder = Path(fields["app_dir"])
        reference, run_config = read_project(folder)
        context = Context(
            run_id=int(fields["run_id"]),
            node_id=int(fields["node_id"]),
            node_config=dict(fields.get("node_config") or {}),
            state=RecordDict(),
            run_config=overridden(run_config, fields.get("run_config") or {}),
        )
        return cls(import_client_app(folder, reference), context)

    def loaded(self) -> dict[str, Any]:
        """Return the fields of the ``loaded`` frame; an app does not say what data it has."""
        return {"examples": 0, "train_examples": 0, "holdout_examples": 0, "details": ""}

    def aside(self) -> dict[str, Any]:
        """Return nothing: an app's replies leave as they are."""
        return {}

    def run(self, task: Task, records: Records, progress: Progress) -> Records:
        """Let the app answer one message.

        Parameters
        ----------
        task
            Of any type that Flower knows: ``train``, ``evaluate``, ``query``, each also with an
            action, as ``train.pretrain``.
        records
            The message's content.
        progress
            Not told: an app's call cannot be looked into.

        Returns
        -------
        Records
            The content of the app's reply.

        Raises
        ------
        TaskFailedError
            ``message-type``; ``app-raised`` with what the app raised, as Flower words it; or
            ``flower-error-<n>`` if the reply is an error with Flower's code n.
        """
        try:
            message = instruction(
                records_to_flower(records),
                run_id=self._context.run_id,
                node_id=self._context.node_id,
                task_id=task.task_id,
                message_id=task.message_id,
                group_id=task.group_id,
                message_type=task.message_type,
                ttl_s=task.deadline_s,
            )
        except ValueError as error:
            raise TaskFailedError("message-type", str(error)[:_REASON_MAX]) from error
        try:
            reply = self._app(message, self._context)
        except Exception as error:  # whatever an app may raise; Flower tells it in these words
            LOGGER.warning("the ClientApp raised an exception", exc_info=error)
            raise TaskFailedError("app-raised", _as_flower_says(error)) from error
        if not isinstance(reply, Message):
            raise TaskFailedError("app-raised", f"The ClientApp returned no Message: {type(reply)}")
        if reply.has_error():
            reason = reply.error.reason or "The ClientApp answered with an error."
            raise TaskFailedError(f"flower-error-{reply.error.code}", reason[:_REASON_MAX])
        try:
            return records_from_flower(reply.content)
        except StreamError as error:
            raise TaskFailedError("app-raised", error.public_message) from error


def read_project(folder: Path) -> tuple[str, dict[str, ConfigValue]]:
    """Read what a Flower app's pyproject.toml says of its ClientApp.

    Parameters
    ----------
    folder
        The app's.

    Returns
    -------
    str
        The reference ``module:attribute`` of the ClientApp.
    dict
        The run's configuration, names of nested tables joined by dots.

    Raises
    ------
    FolderError
        If there is no such file, or it does not say so.
    """
    path = folder / PROJECT_FILE
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise FolderError(
            f"{folder} is no Flower app: its {PROJECT_FILE} cannot be read ({error.strerror}). "
            "Name the folder that holds it."
        ) from error
    except ValueError as error:
        raise FolderError(f"{path} is not valid TOML: {error}.") from error
    app = _table(_table(_table(document, "tool"), "flwr"), "app")
    reference = _table(app, "components").get("clientapp")
    if not isinstance(reference, str) or not all(reference.partition(":")):
        raise FolderError(
            f"{path} names no ClientApp: under [tool.flwr.app.components] it must have a line like "
            'clientapp = "module:app".'
        )
    return reference, flattened(_table(app, "config"))


def import_client_app(folder: Path, reference: str) -> ClientApp:
    """Import an app's module from its folder and find the ClientApp in it.

    Parameters
    ----------
    folder
        The app's; it stays on the module search path.
    reference
        ``module:attribute``; the attribute may have dots.

    Returns
    -------
    ClientApp
        The app's own object.

    Raises
    ------
    FolderError
        If the module cannot be imported, or what is named there is no ClientApp.
    """
    module_name, _, attributes = reference.partition(":")
    path = str(folder.resolve())
    if path not in sys.path:
        sys.path.insert(0, path)
    try:
        found: Any = importlib.import_module(module_name)
        for attribute in attributes.split("."):
            found = getattr(found, attribute)
    except ModuleNotFoundError as error:
        raise FolderError(
            f"The ClientApp {reference} of {folder} cannot be imported: {error}. Install what the "
            f"app depends on into this Python, as with: {sys.executable} -m pip install {folder}"
        ) from error
    except Exception as error:
        raise FolderError(
            f"The ClientApp {reference} of {folder} cannot be imported: {_as_flower_says(error)}"
        ) from error
    if not isinstance(found, ClientApp):
        raise FolderError(f"{reference} of {folder} is no ClientApp but a {type(found).__name__}.")
    return found


def _table(table: Mapping[str, object], key: str) -> Mapping[str, object]:
    inner = table.get(key)
    return cast("Mapping[str, object]", inner) if isinstance(inner, dict) else {}


def _as_flower_says(error: BaseException) -> str:
    return f"{type(error)}:<'{error}'>"[:_REASON_MAX]
