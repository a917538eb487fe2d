"""What data a problem needs, in a few words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_SHOWN = 3


def needs_words(data: Mapping[str, Any]) -> str:
    """Write what data is needed.

    Parameters
    ----------
    data
        The section ``[data]`` as it was saved, empty where it was not.

    Returns
    -------
    str
        As ``30 columns, to predict diagnosis``.
    """
    if not data:
        return ""
    kind = data.get("kind", "table")
    if kind == "table":
        return _table(data.get("columns", []))
    classes = len(data.get("classes", []))
    if kind == "images":
        targets = [str(column.get("name")) for column in data.get("targets", [])]
        predicted = f"to predict {_listed(targets)}" if targets else f"{classes} classes"
        return f"pictures of {data.get('width')} × {data.get('height')} pixels, {predicted}"
    if kind == "text":
        return f"texts, {classes} classes"
    arrays = len(data.get("arrays", []))
    return f"{arrays} array{_s(arrays)} in .npz files"


def _table(columns: Sequence[Mapping[str, Any]]) -> str:
    targets = [str(column.get("name")) for column in columns if column.get("target")]
    inputs = sum(1 for c in columns if not c.get("target") and c.get("used", True))
    return f"{inputs} column{_s(inputs)}, to predict {_listed(targets)}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")


def _s(count: int) -> str:
    return "" if count == 1 else "s"
