"""What needs somebody's attention next, by what they are."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from fedota_server.webserver.account import Account
from fedota_server.webserver.permissions import Role
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.statuses import Status
from fedota_server.webserver.views import MembershipView, ProblemCard
from ui.parts.links import PageName, link
from ui.parts.words import count, plain

_MOST = 8
_LOOKED_AT = 50


@dataclass(frozen=True)
class Notice:
    """One thing to look at.

    Parameters
    ----------
    urgency
        0 first.
    icon, colour
        Of a Material icon, and how it is coloured.
    words
        What is the matter.
    page, problem_id
        Where it is looked at.
    step
        What the link says.
    """

    urgency: int
    icon: str
    colour: str
    words: str
    page: PageName
    problem_id: str
    step: str


def setter_notices(cards: list[ProblemCard]) -> list[Notice]:
    """Say what a setter's problems need."""
    found = []
    for card in cards:
        title, pid = card.title or "Without a title", card.problem_id
        if card.status == Status.FAILED:
            words = f"{title} has failed: {card.status_reason or 'its page says why'}"
            found.append(Notice(0, "error", "red", words, "problem", pid, "See why"))
        if card.requests:
            ask = "asks" if card.requests == 1 else "ask"
            words = f"{count(card.requests, 'data holder')} {ask} to join {title}"
            found.append(Notice(1, "group_add", "orange", words, "problem", pid, "Decide"))
        if card.status == Status.WAITING:
            words = f"{title} waits for data holders: {card.members} have joined"
            found.append(
                Notice(2, "hourglass_empty", "orange", words, "problem", pid, "See who is here")
            )
        elif card.status == Status.READY and card.members >= max(1, card.minimum_reports):
            words = f"{title} can be started: {count(card.members, 'data holder')} joined"
            found.append(Notice(3, "play_arrow", "blue", words, "problem", pid, "Start it"))
        elif card.status == Status.PAUSED:
            words = f"{title} is paused after round {card.completed_round} of {card.rounds}"
            found.append(Notice(4, "pause", "violet", words, "problem", pid, "Resume it"))
        elif card.status == Status.DRAFT:
            words = f"{title} is a draft"
            found.append(Notice(6, "edit", "gray", words, "new_problem", pid, "Go on writing"))
    return found


def holder_notices(memberships: list[MembershipView]) -> list[Notice]:
    """Say what a data holder's memberships need."""
    found = []
    for one in memberships:
        if one.state == "approved" and not one.clients and one.status in _OPEN:
            words = f"You may take part in {one.title}: enrol a client"
            found.append(
                Notice(1, "link", "blue", words, "join", one.problem_id, "Get the command")
            )
        elif one.state == "requested":
            words = f"Your request to join {one.title} waits for its setter"
            found.append(
                Notice(5, "hourglass_empty", "gray", words, "join", one.problem_id, "See it")
            )
        elif one.state == "approved" and one.status == Status.COMPLETED:
            words = f"{one.title} is completed: the model is yours to use"
            found.append(
                Notice(5, "download", "green", words, "problem", one.problem_id, "Get the model")
            )
    return found


_OPEN = frozenset({Status.READY, Status.RUNNING, Status.WAITING, Status.PAUSED})


def admin_notices(cards: list[ProblemCard], own_id: int) -> list[Notice]:
    """Say what an administrator should know of others' problems."""
    return [
        Notice(
            0,
            "error",
            "red",
            f"{card.title} of {card.owner} has failed: {card.status_reason or 'see its page'}",
            "problem",
            card.problem_id,
            "See why",
        )
        for card in cards
        if card.owner_id != own_id
    ]


def notices_for(platform: Platform, account: Account) -> list[Notice]:
    """Collect what needs somebody's attention, the most urgent first."""
    actor, found = account.actor, []
    if Role.SETTER in account.roles:
        found += setter_notices(list(platform.problems.own(actor, limit=_LOOKED_AT).items))
    if Role.HOLDER in account.roles:
        found += holder_notices(platform.memberships.mine(actor))
    if Role.ADMIN in account.roles:
        failed = platform.problems.all(actor, status=Status.FAILED, limit=_MOST)
        found += admin_notices(list(failed.items), account.user_id)
    return sorted(found, key=lambda notice: notice.urgency)


def show_notices(notices: list[Notice]) -> None:
    """Show the most urgent ones, each with where to go."""
    with st.container(border=True, gap="small"):
        for one in notices[:_MOST]:
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                words = f":{one.colour}[:material/{one.icon}:] {plain(one.words)}"
                st.markdown(words, width="stretch")
                link(one.page, one.step, one.problem_id, icon="arrow_forward")
    if len(notices) > _MOST:
        st.caption(f"and {len(notices) - _MOST} more")
