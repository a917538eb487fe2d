"""Problems as cards."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from fedota_server.webserver.statuses import TRAINING, Status
from fedota_server.webserver.views import ProblemCard
from ui.parts.badges import membership_text, status_text
from ui.parts.links import PageName, link
from ui.parts.words import ago, count, plain

_SUMMARY_SHOWN = 140


def standing(card: ProblemCard) -> str:
    """Say in a few words how far a problem is, and when that was."""
    if card.status == Status.DRAFT:
        return f"changed {ago(card.updated_unix_s)}"
    if card.status in TRAINING or card.completed_round:
        return f"round {card.completed_round} of {card.rounds}"
    if card.published_unix_s is not None:
        return f"published {ago(card.published_unix_s)}"
    return f"changed {ago(card.updated_unix_s)}"


def needs(card: ProblemCard) -> str:
    """Say what data is needed."""
    if not card.needs:
        return ""
    return f"{card.needs}; at least {count(card.minimum_examples, 'example')}"


def wants(card: ProblemCard) -> str:
    """Say how many are asked for, and how many are here."""
    if not card.goal_count:
        return ""
    who = "anyone may join" if card.admission == "anyone" else "on approval"
    here = count(card.members, "data holder") if card.members else "no data holder"
    return f"{here} so far, {card.goal_count} wanted in a round, {who}"


def show_card(card: ProblemCard, *, owner: bool = True) -> None:
    """Show a problem; its title leads to its page, a draft's to the form.

    Of few elements: a page shows two dozen cards, and each element takes the browser time.

    Parameters
    ----------
    card
        The problem.
    owner
        Whether to say whose it is.
    """
    draft = card.status == Status.DRAFT
    with st.container(
        border=True, height="stretch", gap="xsmall", key=f"card_{card.problem_id}_{owner}"
    ):
        page: PageName = "new_problem" if draft else "problem"
        link(page, card.title or "Without a title", card.problem_id, bold=True)
        marks = [status_text(card.status)]
        if card.membership:
            marks.append(membership_text(card.membership))
        summary = card.summary
        if len(summary) > _SUMMARY_SHOWN:
            summary = summary[: _SUMMARY_SHOWN - 1].rstrip() + "…"
        head = f"{' '.join(marks)} :gray[:small[{plain(standing(card))}]]"
        st.markdown(f"{head}\n\n:small[{plain(summary)}]" if summary else head)
        facts = [fact for fact in (needs(card), "" if draft else wants(card)) if fact]
        if owner:
            facts.append(f"set by {card.owner}")
        st.caption("  \n".join(plain(fact) for fact in facts))


def show_cards(cards: Sequence[ProblemCard], *, owner: bool = True) -> None:
    """Show problems beside each other, as many in a row as there is room for."""
    with st.grid(min_column_width=300, gap="small"):
        for card in cards:
            show_card(card, owner=owner)
