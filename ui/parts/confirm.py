"""What is asked before something that cannot be undone."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from ui.parts.told import say_after_rerun, told
from ui.session import account


def ask_first(
    question: str,
    consequences: str,
    *,
    yes: str,
    act: Callable[[], object],
    done: str,
    no: str = "Cancel",
) -> None:
    """Open a dialog that names the consequences, and act only on its button.

    Parameters
    ----------
    question
        The dialog's heading.
    consequences
        What will happen and what cannot be undone, in our own words (Markdown).
    yes, no
        What the two buttons say: the first names the deed.
    act
        What is done. If it is refused, the dialog stays and says why.
    done
        What is said once it is done.
    """

    @st.dialog(question)
    def dialog() -> None:
        account()  # whoever was signed out while the dialog stood open does nothing any more
        st.markdown(consequences)
        with st.container(horizontal=True):
            agreed = st.button(yes, type="primary", key="confirm_yes")
            if st.button(no, key="confirm_no"):
                st.rerun()
        if agreed:
            with told():
                act()
                say_after_rerun(done)
                st.rerun()

    dialog()
