"""Which layers are tuned, and which stay as they came."""

from __future__ import annotations

from typing import Any

from fedota_proto.errors import UsageError
from fedota_proto.toml_reader import nearest

ALL_LAYERS, LAST_LAYER = "all", "last"


def freeze_all_but(model: Any, tune: str) -> None:
    """Freeze the layers that are not to be tuned, before the model is compiled.

    Parameters
    ----------
    model
        Keras's, built.
    tune
        ``all``; ``last``: the last layer with trainable weights; or names with commas.

    Raises
    ------
    UsageError
        There is no layer of a name, or none of them has weights to train.
    """
    if tune == ALL_LAYERS:
        return
    layers = {layer.name: layer for layer in model.layers if layer.trainable_variables}
    if tune == LAST_LAYER:
        wanted = list(layers)[-1:]
    else:
        wanted = [name.strip() for name in tune.split(",") if name.strip()]
    for name in wanted:
        if name not in layers:
            near = nearest(name, layers)
            hint = f"did you mean {near}?" if near else f"it has {', '.join(layers)}."
            raise UsageError(f"The model has no layer {name} that can be trained; {hint}")
    if not wanted:
        raise UsageError("No layer to tune was named: use all, last, or names with commas.")
    for layer in model.layers:
        layer.trainable = layer.name in wanted
