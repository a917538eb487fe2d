"""How jobs load a problem's model, and tell what fails in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fedota_client.failures import TaskFailedError
from fedota_client.keras_environment import WorkerSettings, import_keras_model
from fedota_proto.errors import WorkerError
from fedota_proto.model_file import check_model_file
from fedota_proto.settings_check import load_settings

if TYPE_CHECKING:
    from fedota_client.keras_model import KerasModel


def load_model(path: Path) -> KerasModel:
    """Walk, load and compile a ``.keras`` file; Keras is imported here for the first time.

    Raises
    ------
    ModelFileError
        If the file is refused.
    UsageError
        If a ``FEDOTA_*`` variable is wrong.
    """
    settings = load_settings(WorkerSettings)
    check_model_file(path)  # also before Keras is imported: a refusal then takes no seconds
    return import_keras_model(settings).load(path)


@contextmanager
def failing_as(what: str) -> Iterator[None]:
    """Tell the failure of a task as that of a job.

    Parameters
    ----------
    what
        Begins the sentence, as "On fake data".

    Raises
    ------
    WorkerError
        In place of `TaskFailedError`.
    """
    try:
        yield
    except TaskFailedError as error:
        raise WorkerError(f"{what}: {error.reason}") from error
