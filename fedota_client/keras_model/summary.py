"""What a model says of itself: inputs, outputs, loss and optimizer as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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
