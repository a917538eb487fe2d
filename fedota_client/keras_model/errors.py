"""What Keras and TensorFlow raise, told as the failure of a task."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

from fedota_client.failures import TaskFailedError

LOGGER = logging.getLogger(__name__)

# What Keras and TensorFlow raise for a model, data or machine that does not fit the task.
KERAS_ERRORS = (
    tf.errors.OpError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    NotImplementedError,
    ArithmeticError,
    RuntimeError,
)


@contextmanager
def translated() -> Iterator[None]:
    """Tell what Keras raises as the failure of a task.

    Raises
    ------
    TaskFailedError
        ``out-of-memory`` or ``keras``.
    """
    try:
        yield
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        LOGGER.info("out of memory", exc_info=error)
        raise TaskFailedError(
            "out-of-memory", "The memory of this machine is too small for the model and the batch."
        ) from error
    except tf.errors.OpError as error:
        # Its text may quote the batch, and a reason leaves this machine.
        LOGGER.info("TensorFlow stopped", exc_info=error)
        raise TaskFailedError(
            "keras",
            f"TensorFlow cannot compute this model on this data ({type(error).__name__}); the log "
            "on the holder's machine says why.",
        ) from error
    except KERAS_ERRORS as error:
        LOGGER.info("Keras refused the task", exc_info=error)
        raise TaskFailedError(
            "keras", f"Keras cannot use this model on this data: {first_line(error)}"
        ) from error


def first_line(error: BaseException) -> str:
    """Return the first line of an error that says something, as a sentence of 300 letters."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = (lines[0] if lines else type(error).__name__)[:300]
    return text if text.endswith((".", "!", "?")) else f"{text}."
