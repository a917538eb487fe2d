"""What Keras and TensorFlow read from the environment, set before they are imported."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

if TYPE_CHECKING:
    from fedota_client.keras_model import KerasModel

_STDERR = 2

# What Keras takes along where it happens to be installed, for wrappers and pictures that no task
# uses: a third of its time to load.
_NOT_NEEDED = ("sklearn", "matplotlib")


class WorkerSettings(BaseSettings):
    """Settings of every process that trains: the worker and the jobs."""

    model_config = SettingsConfigDict(env_prefix="FEDOTA_WORKER_", frozen=True)

    gpu: bool = Field(
        default=False,
        description="Train on a graphics card if TensorFlow finds one; otherwise the processor.",
    )
    threads: int = Field(
        default=0,
        ge=0,
        le=1024,
        description="Threads that TensorFlow uses for one operation and for operations side by "
        "side; 0 leaves it to TensorFlow, which then uses every core.",
    )
    examples_mb: float = Field(
        default=256.0,
        ge=0,
        le=1e6,
        description="Megabytes of examples that stay in memory; of more, every batch is read from "
        "disk when it is needed, and tables and arrays take as much space there again.",
    )


def import_keras_model(settings: WorkerSettings) -> type[KerasModel]:
    """Import Keras, which takes some seconds the first time, under these settings.

    Parameters
    ----------
    settings
        Of this process; later calls cannot change them.

    Returns
    -------
    type
        `fedota_client.keras_model.KerasModel`.
    """
    prepare_keras_environment(settings)
    with quiet_unless_failing(), unseen(*_NOT_NEEDED):
        from fedota_client.keras_model import KerasModel
    return KerasModel


def prepare_keras_environment(settings: WorkerSettings) -> None:
    """Tell Keras its backend and TensorFlow how loud it may be and what it may use.

    Parameters
    ----------
    settings
        Of this process.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] = "true"
    if not settings.gpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    if settings.threads:
        os.environ["TF_NUM_INTRAOP_THREADS"] = str(settings.threads)
        os.environ["TF_NUM_INTEROP_THREADS"] = str(settings.threads)
        os.environ["OMP_NUM_THREADS"] = str(settings.threads)


@contextmanager
def unseen(*names: str) -> Iterator[None]:
    """Have packages look as if they were not installed, unless they are loaded already."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: not to be found
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextmanager
def quiet_unless_failing() -> Iterator[None]:
    """Hold back what is written to standard error, also by native code, unless it fails.

    TensorFlow writes lines about the machine while it is imported, whatever its log level.
    """
    sys.stderr.flush()
    kept = os.dup(_STDERR)
    with tempfile.TemporaryFile() as held_back:
        os.dup2(held_back.fileno(), _STDERR)
        try:
            yield
        except BaseException:
            held_back.seek(0)
            os.write(kept, held_back.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(kept, _STDERR)
            os.close(kept)
