"""What Keras and TensorFlow read from the environment, set before they are imported."""

from __future__ import annotations

import os

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


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


def prepare_keras_environment(settings: WorkerSettings) -> None:
    """Tell Keras its backend and TensorFlow how loud it may be and what it may use.

    Must be called before `fedota_client.keras_model` is imported; has no effect afterwards.

    Parameters
    ----------
    settings
        Of this process.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["TF_ENABLE_DEPRECATION_WARNINGS"] = "0"
    if not settings.gpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    if settings.threads:
        os.environ["TF_NUM_INTRAOP_THREADS"] = str(settings.threads)
        os.environ["TF_NUM_INTEROP_THREADS"] = str(settings.threads)
        os.environ["OMP_NUM_THREADS"] = str(settings.threads)
