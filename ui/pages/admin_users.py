"""Who has an account, what they are, and the passwords that only an administrator can set."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from fedota_server.webserver.accounts import Account
from fedota_server.webserver.permissions import Role
from ui.parts.confirm import ask_first
from ui.parts.empty import show_empty
from ui.parts.pager import offset_of, show_pager
from ui.parts.told import say_after_rerun, show_said, told
from ui.parts.words import ago, plain, when
from ui.session import account, platform

_PAGE, _TOTAL = "users_page", "users_total"
_ON_A_PAGE = 25
_PASSWORD, _ADDED = "users_initial_password", "users_added"
_ROLE_WORDS = {
    Role.ADMIN: "Administrator",
    Role.SETTER: "Problem setter",
    Role.HOLDER: "Data holder",
}


def _show_password() -> None:
    shown = st.session_state.pop(_PASSWORD, None)
    if shown:
        who, password = shown
        st.success(
            f"Hand this password to {plain(who)}: it is shown this once, and must be changed at "
            "the first signing in.",
            icon=":material/key:",
        )
        st.code(password, language=None)


def _roles(key: str, chosen: frozenset[Role]) -> frozenset[Role]:
    picked = st.pills(
        "Roles",
        list(Role),
        selection_mode="multi",
        default=[role for role in Role if role in chosen],
        format_func=_ROLE_WORDS.__getitem__,
        key=key,
    )
    return frozenset(picked)


def _add(me: Account) -> None:
    added_before = int(st.session_state.get(_ADDED, 0))  # after each, the fields are new ones
    with st.form(f"add_user_{added_before}"):
        email = st.text_input("E-mail", max_chars=254, key=f"add_email_{added_before}")
        name = st.text_input("Name", max_chars=80, key=f"add_name_{added_before}")
        roles = _roles(f"add_roles_{added_before}", frozenset({Role.HOLDER}))
        if st.form_submit_button("Add the user", type="primary"):
            with told():
                added, password = platform().accounts.add_user(me.actor, email, name, roles)
                st.session_state[_PASSWORD] = (added.email, password)
                st.session_state[_ADDED] = added_before + 1
                say_after_rerun(f"{added.email} is added.")
                st.rerun()


def _change_roles(me: Account, user: Account) -> None:
    with st.form(f"roles_{user.user_id}", border=False):
        roles = _roles(f"roles_of_{user.user_id}", user.roles)
        if st.form_submit_button("Save the roles"):
            with told():
                platform().accounts.set_roles(me.actor, user.user_id, roles)
                say_after_rerun(f"The roles of {user.email} are saved.")
                st.rerun()


def _reset(me: Account, user: Account) -> None:
    password = platform().accounts.reset_password(me.actor, user.user_id)
    st.session_state[_PASSWORD] = (user.email, password)


def _ask_and(user: Account, act: Callable[[], object]) -> None:
    """Ask before somebody is locked out."""
    ask_first(
        f"Disable {plain(user.email)}?",
        f"{plain(user.name)} is signed out everywhere and cannot sign in any more; the account's "
        "API tokens are revoked for good. Their problems and clients go on. You can enable the "
        "account again.",
        yes="Disable the account",
        act=act,
        done=f"{user.email} is disabled.",
    )


def _buttons(me: Account, user: Account) -> None:
    accounts = platform().accounts
    with st.container(horizontal=True):
        if st.button("Set a new password", key=f"reset_{user.user_id}"):
            ask_first(
                f"Set a new password for {plain(user.email)}?",
                "The password so far opens nothing any more, and every browser is signed out. The "
                "new one is shown to you once.",
                yes="Set a new password",
                act=lambda: _reset(me, user),
                done=f"{user.email} has a new password.",
            )
        if user.disabled:
            if st.button("Enable", key=f"enable_{user.user_id}"):
                with told():
                    accounts.set_disabled(me.actor, user.user_id, False)
                    say_after_rerun(f"{user.email} is enabled.")
                    st.rerun()
        elif st.button("Disable", key=f"disable_{user.user_id}"):
            _ask_and(user, lambda: accounts.set_disabled(me.actor, user.user_id, True))


def _to_first_page() -> None:
    st.session_state[_PAGE] = 1


def _row(me: Account, user: Account) -> None:
    roles = ", ".join(_ROLE_WORDS[role].lower() for role in Role if role in user.roles)
    state = " · :red[disabled]" if user.disabled else ""
    label = f"**{plain(user.name)}** · {plain(user.email)} · {roles or 'no role'}{state}"
    row = st.expander(label, key=f"user_{user.user_id}", on_change="rerun")
    if not row.open:  # a form in each row would be most of the page, and hardly one is opened
        return
    with row:
        sign_in = "password" if user.has_password else "single sign-on"
        st.caption(
            f"Since {when(user.created_unix_s)}, last seen {ago(user.last_seen_unix_s)}, signs in "
            f"with {sign_in}"
        )
        _change_roles(me, user)
        _buttons(me, user)


def show() -> None:
    """Show the page."""
    me = account()
    show_said()
    st.title("Users")
    _show_password()
    adding = st.expander(
        "Add a user", icon=":material/person_add:", key="add_user", on_change="rerun"
    )
    if adding.open:
        with adding:
            _add(me)
    search = st.text_input(
        "Search",
        placeholder="name or e-mail",
        icon=":material/search:",
        on_change=_to_first_page,
    )
    users, total = platform().accounts.users(
        me.actor, search, offset_of(_TOTAL, _ON_A_PAGE, _PAGE), _ON_A_PAGE
    )
    if not users:
        show_empty("Nobody is found", "No name or e-mail contains these words.", "person_off")
    for user in users:
        _row(me, user)
    show_pager(total, _TOTAL, _ON_A_PAGE, _PAGE)


show()
