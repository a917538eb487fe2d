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
        return f"pictures of {data.get('width')} × {data.get('height')} pixels, {classes} classes"
    if kind == "text":
        return f"texts, {classes} classes"
    arrays = len(data.get("arrays", []))
    return f"{arrays} array{_s(arrays)} in .npz files"


def _table(columns: Sequence[Mapping[str, Any]]) -> str:
    targets = [str(column.get("name")) for column in columns if column.get("target")]
    inputs = sum(1 for c in columns if not c.get("target") and c.get("used", True))
    shown = ", ".join(targets[:_SHOWN]) + (" …" if len(targets) > _SHOWN else "")
    return f"{inputs} column{_s(inputs)}, to predict {shown}"


def _s(count: int) -> str:
    return "" if count == 1 else "s"
