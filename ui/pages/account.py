"""Your account: name, password, where you are signed in, tokens for scripts."""

from __future__ import annotations

import streamlit as st

from fedota_server.webserver.accounts import Account, SessionView, TokenView
from ui.browsers import browser_words
from ui.parts.confirm import ask_first
from ui.parts.told import say_after_rerun, show_said, told
from ui.parts.words import ago, plain, when
from ui.session import account, platform, session_token

_MADE = "account_made_token"
_DAYS = {"30 days": 30.0, "90 days": 90.0, "1 year": 365.0, "no end": None}


def _name_form(someone: Account) -> None:
    with st.form("name"):
        name = st.text_input("Name", someone.name, max_chars=80)
        if st.form_submit_button("Save the name"):
            with told():
                platform().accounts.change_name(someone.actor, name)
                say_after_rerun("Your name is saved.")
                st.rerun()


def _password_form(someone: Account) -> None:
    with st.form("password", clear_on_submit=True):
        old = ""
        if someone.has_password:
            old = st.text_input("Password so far", type="password", autocomplete="current-password")
        new = st.text_input(
            "New password",
            type="password",
            autocomplete="new-password",
            help="At least 10 characters, and not your e-mail address.",
        )
        again = st.text_input("New password again", type="password", autocomplete="new-password")
        if st.form_submit_button("Change the password", type="primary"):
            if new != again:
                st.error("The two new passwords differ: type them again.")
                return
            with told():
                platform().accounts.change_password(
                    someone.actor, old, new, session_token=session_token()
                )
                say_after_rerun("Your password is changed.")
                st.rerun()


def _session_row(someone: Account, one: SessionView) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{plain(browser_words(one.browser))}**", width="content")
        if one.current:
            st.badge("this browser", color="primary")
        st.caption(
            f"signed in {when(one.created_unix_s)}, last seen {ago(one.last_seen_unix_s)}",
            width="content",
        )
        if not one.current and st.button("Sign it out", key=f"end_{one.session_id}"):
            with told():
                platform().accounts.end_session(someone.actor, one.session_id)
                say_after_rerun("That browser is signed out.")
                st.rerun()


def _sessions(someone: Account) -> None:
    for one in platform().accounts.sessions(someone.actor, session_token=session_token()):
        _session_row(someone, one)
    if st.button("Sign out everywhere", icon=":material/logout:"):
        ask_first(
            "Sign out everywhere?",
            "Every browser that is signed in to your account is signed out at once, this one "
            "too. Your API tokens go on working.",
            yes="Sign out everywhere",
            act=lambda: platform().accounts.sign_out_everywhere(someone.actor),
            done="You are signed out everywhere.",
        )


def _token_row(someone: Account, token: TokenView) -> None:
    ends = f"until {when(token.expires_unix_s)}" if token.expires_unix_s else "no end"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{plain(token.name)}**")
        st.caption(f"made {when(token.created_unix_s)}, {ends}, used {ago(token.last_used_unix_s)}")
        if st.button("Revoke", key=f"revoke_{token.token_id}"):
            ask_first(
                "Revoke this token?",
                f"Scripts that use **{plain(token.name)}** are refused from now on. This cannot "
                "be undone; you can make another one.",
                yes="Revoke it",
                act=lambda: platform().accounts.revoke_token(someone.actor, token.token_id),
                done="The token is revoked.",
            )


def _tokens(someone: Account) -> None:
    st.markdown(
        f"A token lets a script do with the API, at `{platform().settings.page_url}/api/v1`, what "
        "you may do here. Whoever has it can act as you: keep it as you keep a password."
    )
    made = st.session_state.pop(_MADE, "")
    if made:
        st.success("Copy your new token now: it is shown this once.", icon=":material/key:")
        st.code(made, language=None)
    tokens = platform().accounts.tokens(someone.actor)
    for token in tokens:
        _token_row(someone, token)
    if not tokens:
        st.caption("You have no tokens.")
    with st.form("token", clear_on_submit=True):
        name = st.text_input("What for", placeholder="notebook", max_chars=80)
        days = st.selectbox("Ends after", list(_DAYS))
        if st.form_submit_button("Make a token"):
            with told():
                made, _ = platform().accounts.make_token(someone.actor, name, _DAYS[days])
                st.session_state[_MADE] = made
                st.rerun()


def show() -> None:
    """Show the page."""
    someone = account()
    show_said()
    if someone.must_change_password:
        st.title("Choose a password")
        st.info("Yours was set by an administrator. Choose one that only you know, to go on.")
        _password_form(someone)
        return
    st.title("Your account")
    st.markdown(f"{plain(someone.email)} · {', '.join(sorted(someone.roles)) or 'no role'}")
    profile, sessions, tokens = st.tabs(["Name and password", "Signed-in browsers", "API tokens"])
    with profile:
        _name_form(someone)
        _password_form(someone)
    with sessions:
        _sessions(someone)
    with tokens:
        _tokens(someone)


show()
