"""The servers that run, problem by problem."""

from __future__ import annotations

from itertools import groupby

import streamlit as st

from fedota_server.webserver.views.problem import ServerView
from ui.parts.badges import SERVER_COLOURS, badge_text
from ui.parts.empty import show_empty
from ui.parts.links import link
from ui.parts.pager import offset_of, show_pager
from ui.parts.told import told
from ui.parts.words import ago, count, plain
from ui.session import account, platform

_LINES = 200
_PAGE, _TOTAL = "servers_page", "servers_total"
_ON_A_PAGE = 8  # problems


def _row(server: ServerView) -> None:
    """Show a server in one element: there are many, and each takes the browser time."""
    restarts = count(max(0, server.starts - 1), "restart")
    told_of = f"since {ago(server.since_unix_s)} · {restarts} · `{server.address or '–'}`"
    state = badge_text(server.state, SERVER_COLOURS.get(server.state, "gray"))
    line = f"**{plain(server.name)}** {state} :gray[:small[{told_of}]]"
    st.markdown(f"{line}  \n:gray[:small[{plain(server.detail)}]]" if server.detail else line)


def _log(server: ServerView) -> None:
    with told():
        text = platform().problems.logs(
            account().actor, server.problem_id, server.name, lines=_LINES
        )
        st.code(text or "The log is empty.", language=None, height=360)


@st.fragment(run_every=5.0)
def _servers() -> None:
    servers = platform().problems.servers(account().actor)
    if not servers:
        show_empty(
            "No servers run",
            "A problem's coordinator and selectors are started when its setter starts it.",
            "dns",
        )
    groups = [list(group) for _, group in groupby(servers, key=lambda one: one.problem_id)]
    groups.sort(key=lambda group: all(one.state == "stopped" for one in group))  # those last
    first = offset_of(_TOTAL, _ON_A_PAGE, _PAGE)
    for members in groups[first : first + _ON_A_PAGE]:
        with st.container(border=True):
            problem_id = members[0].problem_id
            link("problem", members[0].title or problem_id, problem_id)
            for server in members:
                _row(server)
    show_pager(len(groups), _TOTAL, _ON_A_PAGE, _PAGE)


def _logs() -> None:
    servers = platform().problems.servers(account().actor)
    if not servers:
        return
    st.subheader("End of a log")
    server = st.selectbox(
        "Server",
        servers,
        index=None,
        placeholder="Choose a server",
        format_func=lambda one: f"{one.title or one.problem_id}: {one.name}",
    )
    if server is not None:
        _log(server)


def show() -> None:
    """Show the page."""
    account()
    st.title("Servers")
    _servers()
    _logs()


show()
