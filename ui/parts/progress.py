"""How a problem's training goes: figures, curves, and what its rounds took."""

from __future__ import annotations

import json
from collections.abc import Sequence

import streamlit as st

from fedota_server.webserver.platform import Platform
from fedota_server.webserver.statuses import Status
from fedota_server.webserver.views import EvaluationView, ProblemView, RoundView
from ui.parts.curves import metric_names, metric_title
from ui.parts.drawn import OF_ROUNDS, DrawnChart, drawn_charts
from ui.parts.empty import show_empty
from ui.parts.rounds_table import ROUNDS_A_PAGE
from ui.parts.told import told
from ui.parts.words import duration, number, plain
from ui.session import account

EVERY_S = 4.0
_METRICS_SHOWN = 5
# More than are drawn: of these, a curve keeps its lowest and highest.
_ROUNDS_READ = 500


def _newest_scores(evaluations: Sequence[EvaluationView]) -> dict[str, tuple[float, float | None]]:
    """Return each metric of the newest federated evaluation, and its change since the last."""
    line = sorted(
        (one for one in evaluations if one.source == "federated" and not one.superseded),
        key=lambda one: (one.generation, one.server_round),
    )
    if not line:
        return {}
    before = line[-2].metrics if len(line) > 1 else {}
    return {
        name: (value, value - before[name] if name in before else None)
        for name, value in line[-1].metrics.items()
    }


def show_figures(
    view: ProblemView, rounds: Sequence[RoundView], evaluations: Sequence[EvaluationView]
) -> None:
    """Show where it stands, in a few large numbers."""
    completed = [one for one in rounds if one.completed and not one.superseded]
    newest = max(completed, key=lambda one: one.row_id, default=None)
    scores = _newest_scores(evaluations)
    with st.grid(min_column_width=140, gap="small"):
        st.metric(
            "Rounds",
            number(view.completed_round),
            f"of {number(view.rounds)}",
            delta_color="off",
            delta_arrow="off",
            help="Completed, of those wanted.",
            border=True,
            height="stretch",
        )
        for name in metric_names([one for one in evaluations if not one.superseded])[:2]:
            if name in scores:
                value, change = scores[name]
                st.metric(
                    metric_title(name),
                    f"{value:.3g}",
                    f"{change:+.3g}" if change else None,
                    delta_color="inverse" if name == "loss" else "normal",
                    help="On the holders' held-out data; below, the change in a round.",
                    border=True,
                    height="stretch",
                )
        if newest is not None:
            _figure(
                "Reports",
                f"{newest.reported} / {newest.admitted}",
                "In the newest round: updates that were counted, of the clients admitted.",
            )
            took = sum(sum(one.stage_s.values()) for one in completed) / len(completed)
            _figure("Duration", duration(took), "Of a round, on average of the newest.")


def _figure(label: str, value: str, help_text: str | None = None) -> None:
    st.metric(label, value, help=help_text, border=True, height="stretch")


def show_charts(charts: Sequence[DrawnChart]) -> None:
    """Show the curves, two beside each other where there is room, and one chart of the rounds."""
    curves = [one for one in charts if one.name.startswith("curve_")]
    _show_curves(curves[:_METRICS_SHOWN])
    if len(curves) > _METRICS_SHOWN:
        more = st.expander(
            f"{len(curves) - _METRICS_SHOWN} more metrics", key="more_metrics", on_change="rerun"
        )
        if more.open:
            with more:
                _show_curves(curves[_METRICS_SHOWN:])
    _show_of_rounds(charts[len(curves) :])


def _show_curves(curves: Sequence[DrawnChart]) -> None:
    with st.grid(2, min_column_width=300, gap="small"):
        for one in curves:
            with st.container(border=True, gap="xsmall"):
                _show_chart(one)


def _show_of_rounds(charts: Sequence[DrawnChart]) -> None:
    """Show one chart of the newest rounds, the others when asked for: each takes a browser time."""
    by_name = {one.name: one for one in charts}
    with st.container(border=True, gap="xsmall"):
        chosen = st.segmented_control(
            "Of the newest rounds",
            list(by_name),
            default=charts[0].name,
            required=True,
            format_func=lambda name: OF_ROUNDS[name],
            key="of_rounds",
            label_visibility="collapsed",
            wrap=True,
        )
        _show_chart(by_name[chosen or charts[0].name])


def _show_chart(one: DrawnChart) -> None:
    st.markdown(f"**{plain(one.title)}**")
    st.vega_lite_chart(json.loads(one.spec), key=one.name, alt=one.title)


def show_nothing_yet(view: ProblemView) -> None:
    """Show why there is no curve yet, and what to do next."""
    words = {
        Status.READY: "It is published: data holders can join. Training begins when its setter "
        "starts it.",
        Status.WAITING: "Fewer clients are connected than a round needs. It begins by itself as "
        "soon as enough are here.",
        Status.RUNNING: "The first round is under way; its result appears here when it is "
        "completed.",
    }.get(Status(view.status), "No round has been completed.")
    show_empty("No round yet", words, "timeline")


def show_progress(platform: Platform, view: ProblemView, *, live: bool) -> None:
    """Show figures and charts; while it trains, anew every few seconds."""

    @st.fragment(run_every=EVERY_S if live else None)
    def progress() -> None:
        with told():
            actor, pid = account().actor, view.problem_id
            now = platform.problems.view(actor, pid) if live else view
            rounds = platform.problems.rounds(actor, pid, limit=ROUNDS_A_PAGE)
            if not rounds:
                show_nothing_yet(now)
                return
            evaluations = platform.problems.evaluations(actor, pid, most=_ROUNDS_READ)
            show_figures(now, rounds, evaluations)
            show_charts(drawn_charts(pid, rounds, evaluations))

    progress()
