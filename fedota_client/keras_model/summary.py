"""What a model says of itself: inputs, outputs, loss and optimizer as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fedota_proto.manifest import ManifestInput


def named_tensors(structure: Any, tensors: Sequence[Any]) -> tuple[ManifestInput, ...]:
    """Describe a model's inputs or outputs.

    Parameters
    ----------
    structure
        ``model.input`` or ``model.output``: a tensor, a list or a dictionary of them, or None.
    tensors
        The same, flat.

    Returns
    -------
    tuple of ManifestInput
        In the model's order, named by the dictionary's keys if there is one.
    """
    named = structure.items() if isinstance(structure, dict) else ((t.name, t) for t in tensors)
    return tuple(ManifestInput(name, t.dtype, tuple(t.shape[1:])) for name, t in named)


def blank_batch(one: ManifestInput, open_dimension: int) -> np.ndarray:
    """Make two examples of zeros, or of empty texts, that an input takes.

    Parameters
    ----------
    one
        Of the model.
    open_dimension
        Size of an axis whose size is open.
    """
    shape = (2, *(open_dimension if size is None else size for size in one.shape))
    return np.full(shape, "", object) if one.dtype == "string" else np.zeros(shape, one.dtype)


def loss_name(loss: Any) -> str:
    """Name a compiled loss.

    Parameters
    ----------
    loss
        As in a compilation's configuration: a name, an object, or several by output.

    Returns
    -------
    str
        The name; several are joined by commas.
    """
    if isinstance(loss, dict) and "class_name" in loss:
        return str(loss.get("config", {}).get("name") or loss["class_name"])
    if isinstance(loss, dict | list):
        return ", ".join(
            loss_name(one) for one in (loss.values() if isinstance(loss, dict) else loss)
        )
    return loss if isinstance(loss, str) else ""


def optimizer_summary(optimizer: Any) -> dict[str, Any]:
    """Describe a compiled optimizer.

    Parameters
    ----------
    optimizer
        As in a compilation's configuration: a name or an object.

    Returns
    -------
    dict
        Its class as ``name``, and every setting that is a plain value.
    """
    if not isinstance(optimizer, dict):
        return {"name": str(optimizer)}
    settings = optimizer.get("config", {}).items()
    plain = {k: v for k, v in settings if k != "name" and isinstance(v, str | int | float | bool)}
    return {"name": str(optimizer.get("class_name", "")), **plain}


def layer_table(model: Any) -> list[dict[str, Any]]:
    """List a model's layers as Keras's own summary does.

    Parameters
    ----------
    model
        Built.

    Returns
    -------
    list of dict
        For each layer of the outermost model in order: ``name``, ``type`` (its class), ``shape``
        of its output in words (empty where it has none), and ``parameters``, how many numbers it
        holds.
    """
    return [
        {
            "name": layer.name,
            "type": type(layer).__name__,
            "shape": _output_shape(layer),
            "parameters": int(layer.count_params()) if layer.built else 0,
        }
        for layer in model.layers
    ]


def _output_shape(layer: Any) -> str:
    try:
        output = layer.output
    except (AttributeError, ValueError):
        return ""  # a layer of a model that was not built from inputs, or one that is used twice
    tensors = list(output.values()) if isinstance(output, dict) else output
    shapes = tensors if isinstance(tensors, list | tuple) else [tensors]
    return ", ".join(_shape_words(one.shape) for one in shapes)


def _shape_words(shape: Sequence[int | None]) -> str:
    sizes = ["batch", *("any" if size is None else str(size) for size in shape[1:])]
    return f"({', '.join(sizes)})"
