"""Step 3: the form of the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from fedota_proto.data_format import COLUMNS_MAX, EXAMPLES_MAX
from fedota_server.webserver.permissions import Actor
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.views import DraftView
from ui.parts.wizard.column_editor import USUAL, column_config
from ui.parts.wizard.column_rows import columns_of, frame_of
from ui.parts.wizard.other_data import KIND_WORDS, other_fields
from ui.parts.wizard.steps import save, show_step_mistakes
from ui.parts.words import count, joined, plain
from ui.upload_box import upload_box

_TOML_EXAMPLE = """[data]
kind = "images"
classes = ["healthy", "ill"]
height = 64
width = 64
"""


def show(platform: Platform, actor: Actor, draft: DraftView) -> None:
    """Show the step."""
    show_step_mistakes(draft, "data")
    pid = draft.problem_id
    kinds = list(KIND_WORDS)
    kind = st.radio(
        "What each holder's data are",
        kinds,
        index=kinds.index(str(draft.data.get("kind", "table"))),
        format_func=lambda one: KIND_WORDS[one],
        horizontal=True,
        key=f"kind_{pid}_{st.session_state.get(_version_key(pid), 0)}",
    )
    if kind == "table":
        _show_proposing(pid, expanded=not draft.data)
    with st.expander("A problem.toml that you have", icon=":material/code:"):
        _show_paste(platform, actor, draft)
    if kind == "table":
        _show_editor(platform, actor, draft)
    else:
        _show_other_kind(platform, actor, draft, kind)


def _show_proposing(pid: str, *, expanded: bool) -> None:
    with st.expander(
        "Propose the columns from a sample file",
        icon=":material/table_view:",
        expanded=expanded,
    ):
        st.caption(
            "A CSV file with a few examples, whose first row names the columns. It is read once "
            "and not kept; types and ranges are proposed, and you correct them below."
        )
        answer = upload_box("sample", pid, "Upload a sample (.csv)", ".csv")
        if answer is not None and isinstance(answer.get("data"), dict):
            _take_proposal(pid, answer["data"])


def _base_key(pid: str) -> str:
    return f"columns_base_{pid}"


def _version_key(pid: str) -> str:
    return f"columns_version_{pid}"


def _take_proposal(pid: str, data: Mapping[str, Any]) -> None:
    """Lay proposed columns into the editor, anew."""
    st.session_state[_base_key(pid)] = frame_of(data.get("columns", ()))
    st.session_state[f"left_out_{pid}"] = dict(data.get("left_out", {}))
    st.session_state[_version_key(pid)] = st.session_state.get(_version_key(pid), 0) + 1


def _show_other_kind(platform: Platform, actor: Actor, draft: DraftView, kind: str) -> None:
    pid = draft.problem_id
    fields = other_fields(kind, draft.data, pid)
    fewest = _fewest(draft, "A data holder with fewer examples cannot take part.")
    if st.button("Save and go on", type="primary", key=f"save_{kind}"):
        data = {"kind": kind, "minimum_examples": fewest, **fields}
        save("data", lambda: platform.problems.set_data(actor, pid, data))


def _fewest(draft: DraftView, help_text: str) -> int:
    return int(
        st.number_input(
            "Minimum examples",
            min_value=2,
            max_value=EXAMPLES_MAX,
            value=int(draft.data.get("minimum_examples", 10)),
            help=help_text,
            key=f"minimum_examples_{draft.problem_id}",
        )
    )


def _show_paste(platform: Platform, actor: Actor, draft: DraftView) -> None:
    pid = draft.problem_id
    st.caption(
        "Paste the section [data] of a problem.toml: of kind table, images (a folder of pictures "
        "for each class, or pictures with a file of labels), text (a folder of texts for each "
        "class) or arrays (.npz files)."
    )
    with st.form("data_toml", border=False):
        text = st.text_area(
            "The [data] part", height=180, placeholder=_TOML_EXAMPLE, key=f"data_toml_{pid}"
        )
        if not st.form_submit_button("Save and go on", key="save_data_toml"):
            return

    def act() -> None:
        platform.problems.set_data_toml(actor, pid, text)
        _forget_editor(pid)

    save("data", act)


def _forget_editor(pid: str) -> None:
    st.session_state.pop(_base_key(pid), None)
    st.session_state.pop(f"left_out_{pid}", None)
    st.session_state[_version_key(pid)] = st.session_state.get(_version_key(pid), 0) + 1


def _show_editor(platform: Platform, actor: Actor, draft: DraftView) -> None:
    pid = draft.problem_id
    st.markdown("**Columns**")
    left_out: dict[str, str] = st.session_state.get(f"left_out_{pid}", {})
    if left_out:
        words = joined(f"{name} ({why})" for name, why in left_out.items())
        st.info(plain(f"Left out of the proposal: {words}."), icon=":material/info:")
    base: pd.DataFrame = st.session_state.setdefault(
        _base_key(pid), frame_of(draft.data.get("columns", ()))
    )
    rare = st.toggle(
        "Show rare settings",
        key=f"rare_{pid}",
        help="Empty cells, columns that are only checked, values that may not repeat, and patterns "
        "and lengths of texts.",
    )
    edited = st.data_editor(
        base,
        num_rows="dynamic",
        hide_index=True,
        column_order=None if rare else USUAL,
        column_config=column_config(),
        key=f"columns_{pid}_{st.session_state.get(_version_key(pid), 0)}",
        alt="Columns of the table",
    )
    fewest = _fewest(draft, "A data holder with fewer rows cannot take part.")
    columns = columns_of(edited)
    st.caption(
        f"{count(len(columns), 'column')} of at most {COLUMNS_MAX:,}. Give each range what is "
        "possible at any holder: a value outside is refused."
    )
    if st.button("Save and go on", type="primary", key="save_columns"):
        data = {"kind": "table", "minimum_examples": fewest, "columns": columns}

        def act() -> None:
            platform.problems.set_data(actor, pid, data)
            _forget_editor(pid)

        save("data", act)
