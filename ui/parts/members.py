"""Who takes part and who asks to: what the setter decides."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from fedota_server.webserver.permissions import Action, Actor
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.views import ClientView, MembershipView, MemberView, ProblemView
from ui.parts import confirm
from ui.parts.badges import MEMBERSHIP_COLOURS, badge
from ui.parts.client_table import show_clients
from ui.parts.empty import show_empty
from ui.parts.pager import page_of
from ui.parts.told import say_after_rerun, told
from ui.parts.words import ago, count, plain

MEMBERS_A_PAGE = 20


def show_members(platform: Platform, actor: Actor, view: ProblemView) -> None:
    """Show requests to decide, then the members and their clients."""
    with told():
        members = platform.problems.members(actor, view.problem_id)
        requests = [one for one in members if one.membership.state == "requested"]
        others = [one for one in members if one.membership.state != "requested"]
        if not members:
            show_empty("Nobody has asked to join yet", _invitation(view), "group_add")
            return
        if requests:
            st.markdown(f"**{count(len(requests), 'request')} to decide**")
            for one in page_of(requests, MEMBERS_A_PAGE, "requests_page"):
                _show_request(platform, actor, view, one.membership)
        if others:
            st.markdown(f"**{count(len(others), 'member')}, with those who are gone**")
            for one in page_of(others, MEMBERS_A_PAGE, "members_page"):
                _show_member(platform, actor, view, one)


def _invitation(view: ProblemView) -> str:
    how = (
        "they join at once"
        if view.admission == "anyone"
        else "they ask to join, and you decide here"
    )
    return f"Tell data holders to look for this problem in the catalogue: {how}."


def _show_request(platform: Platform, actor: Actor, view: ProblemView, one: MembershipView) -> None:
    with st.container(border=True):
        st.markdown(f"**{plain(one.name)}** {plain(one.email)}")
        st.caption(f"asked {ago(one.requested_unix_s)}")
        if one.note:
            st.markdown(f"> {plain(one.note)}")
        if Action.DECIDE_REQUEST not in view.may:
            return
        with st.container(horizontal=True):
            if st.button("Approve", type="primary", key=f"approve_{one.user_id}"):
                _decide(platform, actor, one, approve=True)
            if st.button("Decline", key=f"decline_{one.user_id}"):
                _decide(platform, actor, one, approve=False)


def _decide(platform: Platform, actor: Actor, one: MembershipView, *, approve: bool) -> None:
    with told():
        platform.memberships.decide(actor, one.problem_id, one.user_id, approve)
        say_after_rerun(f"{one.name} {'takes part now' if approve else 'was declined'}.")
        st.rerun()


def _show_member(platform: Platform, actor: Actor, view: ProblemView, one: MemberView) -> None:
    member = one.membership
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{plain(member.name)}** {plain(member.email)}")
            badge(member.state, MEMBERSHIP_COLOURS)
            if (
                member.state == "approved"
                and Action.REVOKE_MEMBER in view.may
                and st.button("Revoke", type="tertiary", key=f"revoke_{member.user_id}")
            ):
                _ask_to_revoke(platform, actor, member)
        if one.clients:
            show_clients(one.clients)
            _show_leaving(platform, actor, member.problem_id, one.clients)
        else:
            st.caption("No client enrolled yet.")


def _show_leaving(
    platform: Platform, actor: Actor, pid: str, clients: Sequence[ClientView]
) -> None:
    gone = [one for one in clients if one.first_round]
    kept = platform.problems.kept_rounds(actor, pid).state if gone else ()
    for one in gone:
        st.caption(plain(leaving_words(one, kept)))


def leaving_words(client: ClientView, kept: Sequence[int]) -> str:
    """Say what a client that is gone for good has left in the model, and how to leave it out.

    Parameters
    ----------
    client
        Gone, and in the model since its `first_round`.
    kept
        Rounds that can be rolled back to; 0 is the published model.
    """
    words = f"{client.name} is gone for good; it is in the model since round {client.first_round}. "
    before = [one for one in kept if one < client.first_round]
    if not before:
        return words + "No round before that is kept to roll back to."
    back = f"round {max(before)}" if max(before) else "the published model"
    return words + f"To train on without it, roll back to {back}."


def _ask_to_revoke(platform: Platform, actor: Actor, member: MembershipView) -> None:
    confirm.ask_first(
        "Revoke this membership?",
        f"The clients of {plain(member.name)} are cut off within 10 s, and their invites open "
        "nothing any more. What was counted stays in the model. This cannot be undone.",
        yes="Revoke",
        act=lambda: platform.memberships.revoke(actor, member.problem_id, member.user_id),
        done=f"{member.name} takes part no more.",
    )
