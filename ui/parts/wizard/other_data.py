"""The form of data that are no tables: pictures, texts and arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from fedota_proto.data_format import ARRAY_DTYPES, COLUMN_TYPES
from fedota_proto.data_format.columns import TEXT_LONGEST
from fedota_proto.data_format.images import CHANNELS, FILE_COLUMN, LABELS_NAMES, SIDE_MAX
from fedota_proto.data_format.text import LONGEST_DEFAULT
from ui.parts.wizard.column_editor import USUAL, column_config
from ui.parts.wizard.column_rows import columns_of, frame_of

KIND_WORDS = {
    "table": "Table: CSV or Parquet files",
    "images": "Pictures: PNG or JPEG files",
    "text": "Texts: a folder for each class",
    "arrays": "Arrays: .npz files",
}
_PREDICTED_WORDS = {
    "classes": "The class that its folder is named after",
    "targets": "What a file of labels says of it",
}
_TARGET_TYPES = [one for one in COLUMN_TYPES if one != "text"]
_CHANNEL_WORDS = {1: "1, grey", 3: "3, colour", 4: "4, with transparency"}
_NUMBERS = ("minimum", "maximum", "classes")
_ARRAY_FIELDS = ("name", "dtype", "shape", "unit", *_NUMBERS, "target")


def other_fields(kind: str, saved: Mapping[str, Any], pid: str) -> dict[str, Any]:
    """Show the fields of a kind, and return them as they stand in the section ``[data]``.

    Parameters
    ----------
    kind
        ``images``, ``text`` or ``arrays``.
    saved
        The section as it was saved, of any kind.
    pid
        Of the problem, for the widgets' keys.
    """
    here = saved if saved.get("kind") == kind else {}
    if kind == "images":
        return {**_predicted_fields(here, pid), **_image_fields(here, pid)}
    if kind == "text":
        longest = st.number_input(
            "Longest text, in characters",
            min_value=1,
            max_value=TEXT_LONGEST,
            value=int(here.get("longest", LONGEST_DEFAULT)),
            key=f"longest_{pid}",
        )
        return {**_class_fields(here, pid), "longest": int(longest)}
    return {"arrays": _array_fields(here, pid)}


def _predicted_fields(saved: Mapping[str, Any], pid: str) -> dict[str, Any]:
    by = st.radio(
        "What is predicted of a picture",
        list(_PREDICTED_WORDS),
        index=1 if saved.get("targets") else 0,
        format_func=lambda one: _PREDICTED_WORDS[one],
        horizontal=True,
        key=f"predicted_{pid}",
    )
    if by == "classes":
        return _class_fields(saved, pid)
    st.caption(
        f"The folder then holds the pictures and {' or '.join(LABELS_NAMES)}, with a row for each "
        f"picture: its path in the column {FILE_COLUMN!r}, and the columns that you name here."
    )
    edited = st.data_editor(
        frame_of(saved.get("targets", ())),
        num_rows="dynamic",
        hide_index=True,
        column_order=[one for one in USUAL if one != "target"],
        column_config=column_config(_TARGET_TYPES),
        key=f"targets_{pid}",
        alt="Columns of the labels that are predicted",
    )
    return {"targets": columns_of(edited)}


def _class_fields(saved: Mapping[str, Any], pid: str) -> dict[str, Any]:
    text = st.text_area(
        "Classes, one a line",
        value="\n".join(str(name) for name in saved.get("classes", ())),
        placeholder="benign\nmalignant",
        help="The names of the folders. A data holder may lack some.",
        key=f"classes_{pid}",
    )
    return {"classes": [line.strip() for line in text.splitlines() if line.strip()]}


def _image_fields(saved: Mapping[str, Any], pid: str) -> dict[str, Any]:
    with st.grid(min_column_width=160, gap="small"):
        height, width = (
            st.number_input(
                label,
                min_value=1,
                max_value=SIDE_MAX,
                value=int(saved.get(name, 64)),
                key=f"{name}_{pid}",
            )
            for name, label in (("height", "Height in pixels"), ("width", "Width in pixels"))
        )
        channels = st.selectbox(
            "Channels",
            CHANNELS,
            index=CHANNELS.index(saved.get("channels", 3)),
            format_func=lambda one: _CHANNEL_WORDS[one],
            key=f"channels_{pid}",
        )
    resize = st.checkbox(
        "Pictures of other sizes are made to fit",
        value=bool(saved.get("resize", False)),
        help="Otherwise they are refused.",
        key=f"resize_{pid}",
    )
    return {
        "height": int(height),
        "width": int(width),
        "channels": int(channels),
        "resize": bool(resize),
    }


def _array_fields(saved: Mapping[str, Any], pid: str) -> list[dict[str, Any]]:
    edited = st.data_editor(
        arrays_frame(saved.get("arrays", ())),
        num_rows="dynamic",
        hide_index=True,
        column_config=_array_config(),
        key=f"arrays_{pid}",
        alt="Arrays of each file",
    )
    return arrays_of(edited)


def arrays_frame(arrays: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Write ``[[data.arrays]]`` as rows for the editor."""
    rows = [
        {
            "name": str(array.get("name", "")),
            "dtype": str(array.get("dtype", "float32")),
            "shape": ", ".join(str(size) for size in array.get("shape", ())),
            "unit": str(array.get("unit", "")),
            **{name: float(array.get(name, math.nan)) for name in _NUMBERS},
            "target": bool(array.get("target", False)),
        }
        for array in arrays
    ]
    frame = pd.DataFrame(rows, columns=list(_ARRAY_FIELDS))
    for name in _NUMBERS:
        frame[name] = frame[name].astype("float64")
    frame["target"] = frame["target"].astype("bool")
    return frame


def arrays_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Read arrays from the editor's rows; what is mistyped stays, so that its mistake is told."""
    arrays = []
    for row in frame.to_dict("records"):
        name = _text(row.get("name"))
        if not name:
            continue
        array: dict[str, Any] = {
            "name": name,
            "dtype": _text(row.get("dtype")) or "float32",
            "shape": [_size(size) for size in _text(row.get("shape")).split(",") if size.strip()],
        }
        if unit := _text(row.get("unit")):
            array["unit"] = unit
        for field in _NUMBERS:
            value = row.get(field)
            if value is not None and not pd.isna(value):
                array[field] = int(value) if float(value).is_integer() else float(value)
        if row.get("target") is True:
            array["target"] = True
        arrays.append(array)
    return arrays


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _size(text: str) -> int | str:
    return int(text) if text.strip().isdecimal() else text.strip()


def _array_config() -> dict[str, Any]:
    config = st.column_config
    return {
        "name": config.TextColumn("name", required=True, help="As in the .npz file."),
        "dtype": config.SelectboxColumn(
            "type of number", options=list(ARRAY_DTYPES), required=True, default="float32"
        ),
        "shape": config.TextColumn(
            "shape", help="Of one example, as 28, 28; empty for a single number."
        ),
        "unit": config.TextColumn("unit", help="For people.", width="small"),
        "minimum": config.NumberColumn("minimum", help="Included; empty: no bound.", format="%g"),
        "maximum": config.NumberColumn("maximum", help="Included; empty: no bound.", format="%g"),
        "classes": config.NumberColumn(
            "classes", help="Whole numbers from 0 to one less than this.", format="%d"
        ),
        "target": config.CheckboxColumn("target", help="What the model predicts.", default=False),
    }
