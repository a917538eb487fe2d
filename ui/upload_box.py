"""A box that takes one file of any size and shows how far it has come."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import streamlit as st

from fedota_proto.units import size_words
from ui.session import platform

UploadKind = Literal["model", "test", "sample"]

_ASSETS = Path(__file__).with_name("assets")


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text()


_box = st.components.v2.component(
    "fedota_upload_box",
    html=_asset("upload_box.html"),
    css=_asset("upload_box.css"),
    js=_asset("upload_box.js"),
)


def _noted() -> None:
    """Stand where Streamlit wants somebody to be told; the answer itself is what counts."""


def upload_box(
    kind: UploadKind, problem_id: str, label: str, accept: str = ""
) -> dict[str, Any] | None:
    """Show a box for one file; Streamlit's own would keep the file in memory.

    Parameters
    ----------
    kind
        What the file is for: a ``model``, a private ``test`` file, or a ``sample`` of the data.
    problem_id
        Of the problem that it belongs to.
    label
        What is wanted.
    accept
        Endings of the files that the browser offers, as ``.keras,.zip``; empty: all.

    Returns
    -------
    dict or None
        In the one run after an upload has ended well, what the route answered, and the file's
        ``name``: ``job`` for a model, ``data`` for a sample. None in every other run. What is
        refused, the box itself says.
    """
    most_bytes = platform().settings.model_max_bytes
    result = _box(
        key=f"upload_{kind}_{problem_id}",
        data={
            "to": f"/upload/{kind}/{problem_id}",
            "label": label,
            "accept": accept,
            "hint": f"Or drop it here. At most {size_words(most_bytes)}.",
            "most_bytes": most_bytes,
        },
        on_answer_change=_noted,
    )
    answer = result.answer
    return dict(answer) if answer else None
