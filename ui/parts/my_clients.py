"""A data holder's own clients: enrolling one, its invite, how it is."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from fedota_server.webserver.permissions import Action, Actor
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.views import ClientView, ProblemView
from ui.parts.badges import CLIENT_COLOURS, badge
from ui.parts.client_table import reason_words
from ui.parts.commands_shown import invite_name, show_commands
from ui.parts.download_link import download_link
from ui.parts.empty import show_empty
from ui.parts.told import say_after_rerun, told
from ui.parts.words import ago, count, plain, size_words, when
from ui.session import account

CLIENTS_MAX = 20
EVERY_S = 3.0


def show_my_clients(platform: Platform, actor: Actor, view: ProblemView) -> None:
    """Show how each client is, then how another is enrolled."""
    st.subheader("Your clients", anchor=False)

    @st.fragment(run_every=EVERY_S)
    def states() -> None:
        with told():
            clients = platform.memberships.clients(account().actor, view.problem_id)
            if not clients:
                show_empty(
                    "No client yet",
                    "A client is the program that trains on your data. Name one below, fetch its "
                    "invite, and run the command on the machine that has the data.",
                    "memory",
                )
                return
            with st.grid(min_column_width=280, gap="small"):
                for one in clients:
                    _show_client(one)

    states()
    if Action.MAKE_INVITE in view.may:
        _show_enrolling(platform, actor, view)
    with told():
        unused = [c for c in platform.memberships.clients(actor, view.problem_id) if c.has_invite]
        if unused and Action.MAKE_INVITE in view.may:
            _show_invites(platform, actor, view, unused)


def _show_client(one: ClientView) -> None:
    with st.container(border=True, height="stretch", gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(f"**{plain(one.name)}**")
            badge(one.state, CLIENT_COLOURS)
        st.caption(_client_words(one))
        if one.reasons:
            st.caption(plain(reason_words(one.reasons)))


def _client_words(one: ClientView) -> str:
    if one.state == "never connected":
        return f"enrolled {ago(one.created_unix_s)}; its invite is good until " + when(
            one.expires_unix_s
        )
    words = f"since {when(one.since_unix_s)}"
    if one.state == "away" and one.back_unix_s is not None:
        words += f", back {when(one.back_unix_s)}"
    if one.counted or one.rejected:
        words += (
            f"  \n{count(one.counted, 'update')} counted in {count(one.rounds, 'round')}, "
            f"{one.rejected} not; {count(one.examples, 'example')}, "
            f"{size_words(one.size_bytes)} sent"
        )
    return words


def _show_enrolling(platform: Platform, actor: Actor, view: ProblemView) -> None:
    with st.form("enrol", clear_on_submit=True):
        name = st.text_input(
            "Name a client",
            max_chars=80,
            placeholder="north-hospital",
            help=f"One for each place that has data, at most {CLIENTS_MAX}. The setter sees it.",
        )
        enrolled = st.form_submit_button("Make an invite", type="primary")
    if enrolled:
        with told():
            client = platform.memberships.enrol(actor, view.problem_id, name)
            say_after_rerun(f"{client.name} is enrolled: fetch its invite.")
            st.rerun()


def _show_invites(
    platform: Platform, actor: Actor, view: ProblemView, unused: Sequence[ClientView]
) -> None:
    st.markdown("**Run a client**")
    chosen = unused[-1]
    if len(unused) > 1:
        chosen = st.selectbox(
            "Client",
            unused,
            index=len(unused) - 1,
            format_func=lambda one: one.name,
            key="invite_of",
        )
    file = invite_name(chosen.name)
    st.markdown(
        f"Fetch the invite of {plain(chosen.name)}. It enrols one client, once: keep it to "
        "yourself."
    )
    download_link(f"Download {file}", f"/download/{view.problem_id}/invite/{chosen.node_id}", file)
    show_commands(platform, actor, view.problem_id, file)
