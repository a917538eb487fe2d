"""A setter's private test file: uploaded, replaced, removed."""

from __future__ import annotations

import streamlit as st

from fedota_server.webserver.permissions import Actor
from fedota_server.webserver.platform import Platform
from ui.parts.told import say_after_rerun, told
from ui.parts.words import plain
from ui.upload_box import upload_box

_FORMS = {
    "table": ("A CSV table", ".csv"),
    "arrays": ("One file of arrays", ".npz"),
    "images": ("A zip of a folder of pictures as a data holder has it,", ".zip"),
    "text": ("A zip of a folder for each class,", ".zip"),
}


def show_test_file(platform: Platform, actor: Actor, problem_id: str, name: str, kind: str) -> None:
    """Show the file that there is, and a box for another.

    Parameters
    ----------
    platform, actor
        Whom to ask, and who asks: the problem's setter.
    problem_id
        Of the problem.
    name
        Of the file that is kept; empty: none.
    kind
        Of the problem's data; empty where that is not described yet.
    """
    what, ending = _FORMS.get(kind, _FORMS["table"])
    st.markdown("**A test file of yours (optional)**")
    st.caption(
        f"{what} in the declared form. Each round's model is scored on it here; the file is "
        "never given to anybody, and data holders see the scores alone."
    )
    if name:
        st.markdown(f":material/description: {plain(name)}")
        if st.button("Remove the test file", key="remove_test_file"):
            with told():
                platform.problems.remove_test_file(actor, problem_id)
                say_after_rerun("The test file is removed.")
                st.rerun()
    label = f"{'Replace the' if name else 'Upload a'} test file ({ending})"
    if upload_box("test", problem_id, label, ending) is not None:
        say_after_rerun("The test file is here.")
        st.rerun()
