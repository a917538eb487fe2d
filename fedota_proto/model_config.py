"""A model's config.json: how it is read, and what it says once it has passed the walk."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from fedota_proto.errors import ModelFileError

COMPILE_LINE = 'model.compile(optimizer="adam", loss="…", metrics=["accuracy"])'


@dataclass(frozen=True, slots=True)
class LayerSummary:
    """One layer or operation of the outermost model.

    Parameters
    ----------
    name
        As its author named it.
    class_name
        Keras's class.
    """

    name: str
    class_name: str


@dataclass(frozen=True, slots=True)
class ConfigSummary:
    """What config.json says, once it passed.

    Parameters
    ----------
    layers
        Of the outermost model, in order.
    weight_groups
        Names that its layers have under ``layers/`` in the weights.
    optimizer
        Class or name.
    loss, metrics
        Names, or names of classes; of several outputs, in order.
    inputs
        Names of the input layers.
    """

    layers: tuple[LayerSummary, ...]
    weight_groups: frozenset[str]
    optimizer: str
    loss: tuple[str, ...]
    metrics: tuple[str, ...]
    inputs: tuple[str, ...]


def parse_config(data: bytes) -> dict[str, Any]:
    """Read config.json as Keras does, refusing what two readers could read differently.

    Parameters
    ----------
    data
        The member's bytes.

    Returns
    -------
    dict
        The outermost object.

    Raises
    ------
    ModelFileError
        If it is not JSON, names a key twice, or is not an object.
    """
    try:
        document = json.loads(data.decode("utf-8"), object_pairs_hook=_no_key_twice)
    except RecursionError:
        refuse("config.json", "config.json is nested too deeply; no real model is")
    except ValueError as error:
        reason = str(error) if isinstance(error, _KeyTwiceError) else "is not JSON"
        refuse("config.json", f"config.json {reason}; save the model again with Keras 3")
    if not isinstance(document, dict):
        refuse("config.json", "config.json is not a model's configuration")
    return document


class _KeyTwiceError(ValueError):
    pass


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _KeyTwiceError("names a key twice in one object")
    return found


def refuse(place: str, sentence: str) -> NoReturn:
    """Refuse a model file.

    Parameters
    ----------
    place
        Layer, key or member.
    sentence
        What is wrong, where, and what to do.

    Raises
    ------
    ModelFileError
        Always.
    """
    raise ModelFileError(sentence, place=place)


def summarise(document: Mapping[str, Any]) -> ConfigSummary:
    """Say what a configuration that passed the walk contains.

    Parameters
    ----------
    document
        As `parse_config` returns it.

    Returns
    -------
    ConfigSummary
        Layers, compilation and inputs.

    Raises
    ------
    ModelFileError
        If it lists no layers, or was not compiled with an optimizer and a loss.
    """
    entries = document["config"].get("layers")
    if not isinstance(entries, list) or not entries or not all(map(_is_object, entries)):
        refuse("config.json", "the model has no layers; build it, then save it again")
    compiled = document.get("compile_config") or {}
    optimizer = _optimizer(compiled.get("optimizer"))
    if not optimizer or not _leaves(compiled.get("loss")):
        refuse(
            "config.json: compile_config",
            "the model is not compiled with an optimizer and a loss; before saving it, add the "
            f"line {COMPILE_LINE}",
        )
    layers = tuple(
        LayerSummary(name_of(entry) or f"number {number}", entry["class_name"])
        for number, entry in enumerate(entries, start=1)
    )
    return ConfigSummary(
        layers=layers,
        weight_groups=_weight_groups(layers),
        optimizer=optimizer,
        loss=_leaves(compiled["loss"]),
        metrics=_leaves(compiled.get("metrics")) + _leaves(compiled.get("weighted_metrics")),
        inputs=tuple(layer.name for layer in layers if layer.class_name == "InputLayer"),
    )


def name_of(value: Mapping[str, Any]) -> str:
    """Return the name in an object's configuration, empty if it has none."""
    config = value.get("config")
    name = config.get("name") if isinstance(config, dict) else None
    return name if isinstance(name, str) else ""


def _is_object(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("class_name"), str)
        and isinstance(entry.get("config"), dict)
    )


def _optimizer(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(value["class_name"]) if _is_object(value) else ""


def _leaves(value: Any) -> tuple[str, ...]:
    """Name what a compile setting holds: texts as they are, objects by name, outputs in order."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list):
        return tuple(leaf for one in value for leaf in _leaves(one))
    if isinstance(value, dict):
        if "class_name" in value:
            return (name_of(value) or str(value["class_name"]),)
        return tuple(leaf for one in value.values() for leaf in _leaves(one))
    return ()


def _weight_groups(layers: tuple[LayerSummary, ...]) -> frozenset[str]:
    """List the names under which Keras keeps the outermost model's layers in the weights."""
    counts: dict[str, int] = {}
    groups = set()
    for layer in layers:
        base = _snake_case(layer.class_name)
        number = counts.get(base, 0)
        counts[base] = number + 1
        groups.add(f"{base}_{number}" if number else base)
    return frozenset(groups)


def _snake_case(class_name: str) -> str:
    name = re.sub(r"\W+", "", class_name)
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
