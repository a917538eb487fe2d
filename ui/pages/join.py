"""Joining a problem, and a data holder's place in it."""

from __future__ import annotations

import streamlit as st

from fedota_server.webserver.permissions import Action, Actor
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.views import ProblemView
from ui.parts import confirm
from ui.parts.badges import membership_badge, status_badge
from ui.parts.data_needed import show_data_needed
from ui.parts.download_link import download_link
from ui.parts.empty import show_empty
from ui.parts.install_command import prepare_install_command
from ui.parts.links import link, problem_id_asked
from ui.parts.my_clients import show_my_clients
from ui.parts.my_part import show_my_part
from ui.parts.safe_markdown import show_markdown
from ui.parts.style import show_style
from ui.parts.terms import show_terms
from ui.parts.told import say_after_rerun, show_said, told
from ui.parts.words import plain
from ui.session import account, platform

_STATE_WORDS = {
    "requested": "Your request waits for the setter. You can withdraw it until then.",
    "declined": "The setter has declined your request. You can ask again.",
    "withdrawn": "You have withdrawn your request. You can ask again.",
    "left": "You have left this problem. You can join again.",
    "revoked": "The setter has ended your membership. Ask the setter why.",
}


def _show_what_it_means(view: ProblemView) -> None:
    if view.leaves is not None:
        show_terms(view.leaves)
    if view.problem is not None:
        st.subheader("The data that is needed", anchor=False)
        show_data_needed(view.problem.data)
        download_link("Download format.toml", f"/download/{view.problem_id}/format.toml")


def _show_standing(service: Platform, actor: Actor, view: ProblemView) -> None:
    if view.membership:
        st.info(_STATE_WORDS.get(view.membership, view.membership), icon=":material/info:")
    if view.membership == "requested" and st.button("Withdraw the request", key="withdraw"):
        with told():
            service.memberships.withdraw(actor, view.problem_id)
            say_after_rerun("Your request is withdrawn.")
            st.rerun()


def _show_joining(service: Platform, actor: Actor, view: ProblemView) -> None:
    if Action.JOIN not in view.may:
        return
    st.subheader("Join", anchor=False)
    at_once = view.admission == "anyone"
    with st.form("join", border=True):
        if at_once:
            st.markdown("Everybody may join this problem; you take part at once.")
            note = ""
        else:
            note = (
                st.text_area(
                    f"A note to {plain(view.owner)}, who decides (optional)",
                    max_chars=1000,
                    height=100,
                    placeholder="Who you are, and what data you have.",
                )
                or ""
            )
        joined = st.form_submit_button("Join" if at_once else "Ask to join", type="primary")
    if joined:
        with told():
            service.memberships.join(actor, view.problem_id, note)
            say_after_rerun(
                "You take part: now enrol a client." if at_once else "The setter is asked."
            )
            st.rerun()


def _show_leaving(service: Platform, actor: Actor, view: ProblemView) -> None:
    if Action.LEAVE in view.may and st.button(
        "Leave this problem", type="tertiary", icon=":material/logout:", key="leave"
    ):
        confirm.ask_first(
            "Leave this problem?",
            "Your clients' connections end within 10 s, and their invites open nothing any more. "
            "What was counted stays in the model; nothing of yours is taken from now on.",
            yes="Leave",
            act=lambda: service.memberships.leave(actor, view.problem_id),
            done="You have left the problem.",
        )


def _show_problem(service: Platform, actor: Actor, view: ProblemView) -> None:
    member = view.membership == "approved"
    st.title(plain(view.title), anchor=False)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        status_badge(view.status)
        if view.membership:
            membership_badge(view.membership)
        st.caption(f"set by {plain(view.owner)}", width="content")
    link("problem", "The problem's page", view.problem_id, icon="arrow_forward")
    if member:
        show_my_clients(service, actor, view)
        show_my_part(service, actor, view)
        agreed = st.expander(
            "What you agreed to take part in",
            icon=":material/fact_check:",
            key="agreed",
            on_change="rerun",
        )
        if agreed.open:
            with agreed:
                _show_what_it_means(view)
        _show_leaving(service, actor, view)
        return
    _show_standing(service, actor, view)
    if view.description.strip():
        with st.expander("What it is about", expanded=True):
            show_markdown(view.description)
    _show_what_it_means(view)
    _show_joining(service, actor, view)


def _show() -> None:
    show_style()
    show_said()
    actor = account().actor
    problem_id = problem_id_asked()
    if not problem_id:
        show_empty(
            "No problem chosen",
            "Choose the problem that you want to join in the catalogue.",
            "search",
            lambda: link("catalogue", "Open the catalogue", icon="search"),
        )
        return
    with told():
        service = platform()
        prepare_install_command(service)
        _show_problem(service, actor, service.problems.view(actor, problem_id))


_show()
