"""The form for a new problem, in steps that can be left and taken up again."""

from __future__ import annotations

import streamlit as st

from fedota_server.webserver.permissions import Actor
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.statuses import Status
from fedota_server.webserver.views import DraftView
from ui.parts import confirm
from ui.parts.links import go, link, problem_id_asked
from ui.parts.style import show_style
from ui.parts.told import say_after_rerun, show_said, told
from ui.parts.wizard import about, data, model, review, rounds, strategy, who
from ui.parts.wizard.beginning import show_beginning
from ui.parts.wizard.steps import choose_step
from ui.parts.words import ago, plain
from ui.session import account, platform

_SHOW = {
    "about": about.show,
    "model": model.show,
    "data": data.show,
    "strategy": strategy.show,
    "rounds": rounds.show,
    "who": who.show,
    "review": review.show,
}
_THROWN_AWAY = "thrown_away"


def _show_draft(service: Platform, actor: Actor, draft: DraftView) -> None:
    st.title(plain(draft.title or "A new problem"), anchor=False)
    if draft.status != Status.DRAFT:
        if st.session_state.pop(review.PUBLISHED, "") == draft.problem_id:
            say_after_rerun("Published. Data holders can join; start it when enough have.")
            go("problem", draft.problem_id)
        st.info("It is published: what data holders agreed to stays as it is.")
        link("problem", "Open its page", draft.problem_id, icon="arrow_forward")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"Draft, changed {ago(draft.updated_unix_s)}; nobody else sees it.")
        if st.button("Throw away", type="tertiary", icon=":material/delete:"):
            _ask_to_throw_away(service, actor, draft)
    step = choose_step(draft)
    st.subheader(step.title, anchor=False)
    st.caption(step.about)
    _SHOW[step.name](service, actor, draft)


def _ask_to_throw_away(service: Platform, actor: Actor, draft: DraftView) -> None:
    def throw_away() -> None:
        service.problems.delete_draft(actor, draft.problem_id)
        st.session_state[_THROWN_AWAY] = draft.problem_id

    confirm.ask_first(
        "Throw this draft away?",
        "The draft and its model are removed. This cannot be undone.",
        yes="Throw away",
        act=throw_away,
        done="The draft is thrown away.",
    )


def _show() -> None:
    show_style()
    show_said()
    actor = account().actor
    problem_id = problem_id_asked()
    if problem_id and st.session_state.pop(_THROWN_AWAY, "") == problem_id:
        say_after_rerun("The draft is thrown away.")
        go("new_problem")
    with told():
        if problem_id:
            _show_draft(platform(), actor, platform().problems.draft(actor, problem_id))
        else:
            st.title("New problem", anchor=False)
            show_beginning(platform(), actor)


_show()
