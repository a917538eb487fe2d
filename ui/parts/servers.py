"""A problem's servers, and the ends of their logs."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from fedota_server.webserver.permissions import Actor
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.views import ProblemView, ServerView
from ui.parts.badges import SERVER_COLOURS, badge
from ui.parts.empty import show_empty
from ui.parts.told import told
from ui.parts.words import count, plain, when
from ui.session import account

_LINES = (50, 200, 1000)


def show_servers(platform: Platform, actor: Actor, view: ProblemView) -> None:
    """Show the servers as last seen, and a log."""
    with told():
        servers = platform.problems.servers(actor, view.problem_id)
        if not servers:
            show_empty(
                "No server has run yet",
                "A problem's coordinator and selectors are started when training starts.",
                "dns",
            )
            return
        with st.grid(min_column_width=260, gap="small"):
            for one in servers:
                _show_server(one)
        _show_log(platform, view, servers)


def _show_server(one: ServerView) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{plain(one.name)}**")
            badge(one.state, SERVER_COLOURS)
        words = f"since {when(one.since_unix_s)}, started {count(one.starts, 'time')}"
        st.caption(f"{words}  \n{plain(one.address)}" if one.address else words)
        if one.detail:
            st.caption(plain(one.detail))


def _show_log(platform: Platform, view: ProblemView, servers: Sequence[ServerView]) -> None:
    @st.fragment
    def log() -> None:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            name = st.selectbox("Log of", [one.name for one in servers], key="log_of", width=220)
            lines = st.selectbox("Last lines", _LINES, key="log_lines", width=140)
            st.button("Read again", icon=":material/refresh:", key="log_again")
        with told():
            text = platform.problems.logs(account().actor, view.problem_id, name, lines)
            if text.strip():
                st.code(text, language=None, height=420, wrap_lines=True)
            else:
                st.caption("It has written nothing yet.")

    log()
