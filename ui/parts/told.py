"""Refusals and mistakes, told where they belong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import streamlit as st

from fedota_proto.errors import FedotaError
from ui.parts.words import plain

_SAID = "said_after_rerun"
_MOST = 12


def paragraphs(text: str) -> str:
    """Write a message so that its lines stay lines and nothing in it is Markdown."""
    return "\n\n".join(plain(line) for line in text.splitlines() if line.strip())


@contextmanager
def told() -> Iterator[None]:
    """Show what the use cases refuse in the block, in place of it."""
    try:
        yield
    except FedotaError as error:
        st.error(paragraphs(error.public_message), icon=":material/error:")


def show_mistakes(mistakes: Sequence[str]) -> None:
    """Show what is wrong with a step, all of it."""
    if not mistakes:
        return
    shown = "\n".join(f"- {plain(mistake)}" for mistake in mistakes[:_MOST])
    if len(mistakes) > _MOST:
        shown += f"\n- … and {len(mistakes) - _MOST} more"
    st.warning(shown, icon=":material/edit_note:")


def say_after_rerun(text: str) -> None:
    """Keep a short message for the next run of the script, where `show_said` shows it."""
    st.session_state[_SAID] = text


def show_said() -> None:
    """Show what was kept, once."""
    text = st.session_state.pop(_SAID, "")
    if text:
        st.toast(plain(text), icon=":material/check:")
