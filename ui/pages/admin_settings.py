"""Who may register."""

from __future__ import annotations

import streamlit as st

from fedota_server.webserver.permissions import Role
from ui.parts.told import say_after_rerun, show_said, told
from ui.session import account, platform

_MODES = {
    "open": "Anybody who reaches this page",
    "code": "Whoever has the registration code",
    "closed": "Nobody: administrators add accounts",
}
_ROLES = {Role.SETTER: "Problem setter", Role.HOLDER: "Data holder"}


def show() -> None:
    """Show the page."""
    me = account()
    show_said()
    st.title("Registration")
    view = platform().accounts.registration()
    url = platform().settings.page_url
    st.markdown(f"People register at `{url}/register`.")
    mode = st.radio(
        "Who may register",
        list(_MODES),
        index=list(_MODES).index(view.mode),
        format_func=_MODES.__getitem__,
    )
    code = ""
    if mode == "code":
        kept = "A code is set. Leave this empty to keep it." if view.has_code else ""
        code = st.text_input(
            "Registration code",
            type="password",
            autocomplete="off",
            help="Hand it to those who shall register. Only its hash is kept.",
            placeholder=kept,
        )
    roles = st.pills(
        "What a new account is",
        list(_ROLES),
        selection_mode="multi",
        default=[role for role in _ROLES if role in view.roles],
        format_func=_ROLES.__getitem__,
    )
    if st.button("Save", type="primary"):
        with told():
            platform().accounts.set_registration(me.actor, mode, code or None, frozenset(roles))
            say_after_rerun("The registration is saved.")
            st.rerun()


show()
