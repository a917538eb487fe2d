"""How large a model may be before it is refused."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """Bounds on a model file; the defaults suit a machine with a few GB of memory.

    Parameters
    ----------
    file_max_bytes
        Of the ``.keras`` file, and of everything in it unpacked.
    parameters_max
        Numbers in the arrays under ``layers/``, and sizes that config.json declares.
    config_max_bytes
        Of config.json.
    assets_max_bytes
        Of all files under ``assets/`` together.
    members_max
        Files in the zip.
    config_depth_max
        Lists and objects within one another in config.json.
    weights_objects_max
        Groups and datasets in model.weights.h5.
    """

    file_max_bytes: int = 2_000_000_000
    parameters_max: int = 250_000_000
    config_max_bytes: int = 16_000_000
    assets_max_bytes: int = 64_000_000
    members_max: int = 1000
    config_depth_max: int = 100
    weights_objects_max: int = 200_000
