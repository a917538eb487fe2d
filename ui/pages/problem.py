"""A problem's page, live."""

from __future__ import annotations

import streamlit as st

from fedota_server.webserver.permissions import Action, Actor
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.statuses import TRAINING, Status
from fedota_server.webserver.views import ProblemView
from ui.parts.about_problem import show_about
from ui.parts.actions import show_actions
from ui.parts.badges import membership_badge, status_badge
from ui.parts.changes import show_changes
from ui.parts.empty import show_empty
from ui.parts.failure_card import failure_of, show_failure
from ui.parts.history import show_history
from ui.parts.links import link, problem_id_asked
from ui.parts.live_state import show_live
from ui.parts.members import show_members
from ui.parts.models import show_models
from ui.parts.progress import show_progress
from ui.parts.servers import show_servers
from ui.parts.style import show_style
from ui.parts.told import show_said, told
from ui.parts.words import count, plain
from ui.session import account, platform

_PROGRESS, _ROUNDS, _MODEL, _ABOUT = "Progress", "Rounds", "Model", "About"
_MEMBERS, _SERVERS, _CHANGES = "Members", "Servers", "Changes"


def _tabs(view: ProblemView) -> list[str]:
    """List the tabs that this reader has, the most telling first."""
    names = [_PROGRESS, _ROUNDS, _MODEL, _ABOUT]
    if view.status in (Status.READY, Status.DRAFT) and not view.completed_round:
        names = [_ABOUT, _MODEL, _PROGRESS, _ROUNDS]
    if Action.SEE_MEMBERS in view.may:
        names.append(_MEMBERS)
    if Action.SEE_LOGS in view.may:
        names.append(_SERVERS)
    if Action.SEE_CHANGES in view.may:
        names.append(_CHANGES)
    return names


def _holders(view: ProblemView) -> str:
    return count(view.members, "data holder") if view.members else "no data holder yet"


def _show_heading(view: ProblemView) -> None:
    st.title(plain(view.title), anchor=False)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        status_badge(view.status)
        if view.membership:
            membership_badge(view.membership)
        st.caption(f"set by {plain(view.owner)}, {_holders(view)}", width="content")
    if view.membership:
        link("join", "Your part in it", view.problem_id, icon="handshake")
    elif Action.JOIN in view.may:
        link("join", "Join with your data", view.problem_id, icon="handshake")


def _show_failure(service: Platform, actor: Actor, view: ProblemView) -> None:
    if view.status != Status.FAILED:
        return
    rounds = service.problems.rounds(actor, view.problem_id, limit=1)
    servers = (
        service.problems.servers(actor, view.problem_id) if Action.SEE_LOGS in view.may else ()
    )
    failure = failure_of(view, rounds, servers)
    if failure is not None:
        show_failure(failure)


def _show_tab(name: str, service: Platform, actor: Actor, view: ProblemView) -> None:
    match name:
        case "Progress":
            show_progress(service, view, live=view.status in TRAINING)
        case "Rounds":
            show_history(service, view)
        case "Model":
            show_models(service, actor, view)
        case "About":
            show_about(view)
        case "Members":
            show_members(service, actor, view)
        case "Servers":
            show_servers(service, actor, view)
        case _:
            show_changes(service, view)


def _show() -> None:
    show_style()
    show_said()
    actor = account().actor
    problem_id = problem_id_asked()
    if not problem_id:
        show_empty(
            "No problem chosen",
            "This page shows one problem: choose it in the catalogue.",
            "search",
            lambda: link("catalogue", "Open the catalogue", icon="search"),
        )
        return
    service = platform()
    with told():
        view = service.problems.view(actor, problem_id)
        _show_heading(view)
        show_live(service, view)
        show_actions(service, actor, view)
        _show_failure(service, actor, view)
        names = _tabs(view)
        tabs = st.tabs(names, on_change="rerun", bind="query-params", key="tab")
        for name, tab in zip(names, tabs, strict=True):
            if tab.open:
                with tab:
                    _show_tab(name, service, actor, view)


_show()
