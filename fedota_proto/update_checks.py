"""Every check that an update passes before anything is done with it.

Flower's aggregation trusts its input: a NaN spreads, a ``(1, 2)`` array broadcasts into ``(2, 2)``,
a metric that one client alone sends ends the run. So the selector merges or forwards only what has
passed here; whoever sent something else is told which check failed, and what was expected.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from fedota_proto.errors import StreamError, UpdateRejectedError
from fedota_proto.npy import NUMPY_STYPE, dtype_of, elements, npy_header
from fedota_proto.records import ArrayBytes, Arrays, Records
from fedota_proto.running_mean import ArraySpecLike, first_non_finite, widened
from fedota_proto.v1 import fl_intra_pb2 as intra_pb
from fedota_proto.values import Entries, Scalar, ScalarList

_FLOAT_KINDS = frozenset({"float16", "bfloat16", "float32", "float64"})
_NAMES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class CheckedUpdate:
    """An update that has passed every check.

    Parameters
    ----------
    arrays
        In the order of the specs.
    views
        Their elements, in the same order, where they lie; for ``RunningMean.add_views``.
    weight
        Number of examples, > 0.
    metrics
        Finite, without the weight, in the sender's order.
    """

    arrays: Arrays
    views: tuple[np.ndarray, ...]
    weight: float
    metrics: dict[str, float]


def check_train_update(
    records: Records, *, specs: Sequence[ArraySpecLike], checks: intra_pb.Checks
) -> CheckedUpdate:
    """Check an update of a training task, the cheap checks first.

    Parameters
    ----------
    records
        As they arrived, whole.
    specs
        Names, dtypes and shapes of the arrays that the update must bring, in order.
    checks
        What the coordinator asks of updates. Where `declared` is false metrics may have any name;
        a `weight_max` of 0 is no bound.

    Returns
    -------
    CheckedUpdate
        Whose arrays are those of `records`.

    Raises
    ------
    UpdateRejectedError
        With `reason_code` record-kinds, array-names, array-dtype, array-shape, array-header,
        not-finite, weight, metric-unknown, metric-not-finite, loss-missing or loss-negative.
    """
    sent = _one_array_record(records) if specs else _no_array_record(records)
    weight, metrics = _check_metrics(records, checks, checks.train_metrics)
    if checks.loss_metric:
        _check_loss(metrics, checks.loss_metric)
    arrays = _in_order(sent, specs)
    views = tuple(_check_array(arrays[spec.name], spec) for spec in specs)
    for spec, view in zip(specs, views, strict=True):
        _check_finite(spec, view)
    return CheckedUpdate(arrays, views, weight, metrics)


def check_evaluate_update(records: Records, *, checks: intra_pb.Checks) -> CheckedUpdate:
    """Check an update of an evaluation task: metrics and no arrays.

    Parameters
    ----------
    records
        As they arrived, whole.
    checks
        What the coordinator asks of updates, as in `check_train_update`.

    Returns
    -------
    CheckedUpdate
        Without arrays.

    Raises
    ------
    UpdateRejectedError
        With `reason_code` record-kinds, weight, metric-unknown or metric-not-finite.
    """
    _no_array_record(records)
    weight, metrics = _check_metrics(records, checks, checks.evaluate_metrics)
    return CheckedUpdate({}, (), weight, metrics)


def _one_array_record(records: Records) -> Arrays:
    if len(records.arrays) != 1:
        raise UpdateRejectedError(
            "record-kinds",
            f"The update must bring one record of arrays; it brings {len(records.arrays)}.",
        )
    return next(iter(records.arrays.values()))


def _no_array_record(records: Records) -> Arrays:
    if any(records.arrays.values()):
        raise UpdateRejectedError(
            "record-kinds", "The update brings arrays; this task asks for metrics alone."
        )
    return {}


def _check_metrics(
    records: Records, checks: intra_pb.Checks, allowed: Collection[str]
) -> tuple[float, dict[str, float]]:
    if len(records.metrics) != 1 or records.config:
        raise UpdateRejectedError(
            "record-kinds",
            "The update must bring one record of metrics and none of configuration; it brings "
            f"{len(records.metrics)} and {len(records.config)}.",
        )
    entries = next(iter(records.metrics.values()))
    weight = _check_weight(entries, checks)
    metrics: dict[str, float] = {}
    for name, value in entries.items():
        if name == checks.weight_key:
            continue
        if checks.declared and name not in allowed:
            raise UpdateRejectedError(
                "metric-unknown",
                f"The metric {_short(name)} is none that the problem declares "
                f"({_listed(allowed) or 'it declares none'}).",
            )
        number = _number(value)
        if number is None or not math.isfinite(number):
            raise UpdateRejectedError(
                "metric-not-finite",
                f"The metric {_short(name)} must be one finite number; it is {_shown(value)}.",
            )
        metrics[name] = number
    return weight, metrics


def _check_weight(entries: Entries, checks: intra_pb.Checks) -> float:
    key = checks.weight_key
    if key not in entries:
        raise UpdateRejectedError("weight", f"The update lacks its weight, the metric {key!r}.")
    weight = _number(entries[key])
    most = checks.weight_max or math.inf
    if weight is None or not (0 < weight <= most and math.isfinite(weight)):
        bound = f" and at most {most:g}" if most < math.inf else ""
        raise UpdateRejectedError(
            "weight",
            f"The update's weight {key!r} must be a finite number above 0{bound}; "
            f"it is {_shown(entries[key])}.",
        )
    return weight


def _check_loss(metrics: dict[str, float], name: str) -> None:
    if name not in metrics:
        raise UpdateRejectedError(
            "loss-missing", f"The update lacks the metric {name!r}, which the strategy needs."
        )
    if metrics[name] < 0:
        raise UpdateRejectedError(
            "loss-negative",
            f"The metric {name!r} must not be negative, since the strategy weighs updates by it; "
            f"it is {metrics[name]:g}.",
        )


def _in_order(sent: Arrays, specs: Sequence[ArraySpecLike]) -> Arrays:
    expected = {spec.name for spec in specs}
    if sent.keys() == expected:
        return {spec.name: sent[spec.name] for spec in specs}
    lacks = _listed(spec.name for spec in specs if spec.name not in sent)
    more = _listed(name for name in sent if name not in expected)
    said = [f"lacks {lacks}"] if lacks else []
    said += [f"brings {more}, not in the model"] if more else []
    raise UpdateRejectedError("array-names", f"Among its arrays the update {', and '.join(said)}.")


def _check_array(array: ArrayBytes, spec: ArraySpecLike) -> np.ndarray:
    """Hold table and header against the spec; return the elements, not yet looked at."""
    name, shape = _short(spec.name), tuple(spec.shape)
    if array.dtype != spec.dtype:
        raise UpdateRejectedError(
            "array-dtype", f"The array {name} must be {spec.dtype}; it is {_short(array.dtype)}."
        )
    if array.shape != shape:
        raise UpdateRejectedError(
            "array-shape", f"The array {name} must have the shape {shape}; it has {array.shape}."
        )
    if array.stype != NUMPY_STYPE:
        raise UpdateRejectedError(
            "array-header",
            f"The array {name} must be serialised as {NUMPY_STYPE}, not {_short(array.stype)}.",
        )
    try:
        header = npy_header(array.data)
        if header.dtype.str != dtype_of(spec.dtype).newbyteorder("<").str:
            found = f"its .npy header says dtype {header.dtype.str}"
            expected = f"little-endian {spec.dtype}"
        elif header.shape != shape:
            found, expected = f"its .npy header says shape {header.shape}", f"shape {shape}"
        elif header.fortran_order:
            found, expected = "its .npy header says Fortran order", "C order"
        else:
            return elements(array.data, header)
    except StreamError as error:
        raise UpdateRejectedError("array-header", f"{name}: {error.public_message}") from error
    raise UpdateRejectedError("array-header", f"The array {name} must be in {expected}; {found}.")


def _check_finite(spec: ArraySpecLike, view: np.ndarray) -> None:
    if spec.dtype not in _FLOAT_KINDS:
        return
    place = first_non_finite(view)
    if place is None:
        return
    element = view.reshape(-1)[place : place + 1]
    value = float(widened(element)[0] if element.itemsize == 2 else element[0])
    index = tuple(int(i) for i in np.unravel_index(place, view.shape)) if view.ndim else ()
    raise UpdateRejectedError(
        "not-finite",
        f"The array {_short(spec.name)} must hold finite numbers; at {index} it holds {value}.",
    )


def _number(value: Scalar | ScalarList) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def _shown(value: Scalar | ScalarList) -> str:
    number = _number(value)
    return f"a {type(value).__name__}" if number is None else f"{number:g}"


def _listed(names: Iterable[str]) -> str:
    quoted = [_short(name) for name in names]
    more = len(quoted) - _NAMES_SHOWN
    return ", ".join(quoted[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _short(text: str) -> str:
    """Quote a peer's text, cut to a length that a log line and a sentence bear."""
    return repr(text if len(text) <= 80 else text[:79] + "…")
