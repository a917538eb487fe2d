"""The charts of a problem's page; Streamlit's theme gives them their ground, light or dark."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

import altair as alt
import pandas as pd

from fedota_server.webserver.views import EvaluationView, RoundView
from ui.parts.curves import SOURCES, curve_points
from ui.parts.words import duration, size_words
from ui.theme.palette import CHART_COLOURS

AnyChart = alt.Chart | alt.LayerChart | alt.FacetChart

HEIGHT = 270
_GOOD, _AMBER, _BLUE, _ROSE, _GREY = (*CHART_COLOURS[:4], CHART_COLOURS[7])
_PARTICIPATION = {"counted": _GOOD, "rejected": _ROSE, "failed": _AMBER, "dropped": _GREY}
_STAGE_COLOURS = {"selection": _GREY, "configuration": _AMBER, "reporting": _GOOD}
_TRAFFIC = {"received": _GOOD, "sent": _BLUE}


def _legend() -> alt.Legend:
    return alt.Legend(
        orient="top",
        title=None,
        labelLimit=140,
        symbolSize=60,
        columnPadding=12,
        columns=2,
        offset=6,
    )


def _round_axis() -> alt.X:
    axis = alt.Axis(format="d", tickMinStep=1, grid=False, titlePadding=4)
    scale = alt.Scale(nice=False, zero=False, padding=8)
    return alt.X("server_round:Q", title="server round", axis=axis, scale=scale)


def learning_curve(evaluations: Sequence[EvaluationView], metric: str) -> AnyChart:
    """Draw one metric over the rounds.

    Parameters
    ----------
    evaluations
        Of all sources, superseded ones among them: those are drawn faint and dashed.
    metric
        Its name.
    """
    points = curve_points(evaluations, metric)
    rows = pd.DataFrame(
        [(one.server_round, one.value, one.source, one.line, one.superseded) for one in points],
        columns=["server_round", "value", "source", "line", "superseded"],
    )
    names = list(SOURCES.values())
    shown = [name for name in names if name in set(rows["source"])]
    colours = [dict(zip(names, (_GOOD, _AMBER), strict=True))[name] for name in shown]
    base = alt.Chart(rows).encode(
        x=_round_axis(),
        y=alt.Y(
            "value:Q",
            title=None,
            scale=alt.Scale(zero=False, nice=True),
            axis=alt.Axis(format=".6~g"),
        ),
        detail="line:N",
        color=alt.Color("source:N", scale=alt.Scale(domain=shown, range=colours), legend=_legend()),
        tooltip=[
            alt.Tooltip("server_round:Q", title="round"),
            alt.Tooltip("value:Q", title=metric, format=".4f"),
            alt.Tooltip("source:N", title="on"),
        ],
    )
    line = base.mark_line(strokeWidth=2.2, interpolate="linear", aria=False)
    dots = base.mark_circle(size=38 if len(rows) <= 80 else 12, aria=False)
    if rows["superseded"].any():
        faint = alt.condition("datum.superseded", alt.value(0.35), alt.value(1))
        dashes = alt.condition("datum.superseded", alt.value([4, 4]), alt.value([1, 0]))
        line, dots = line.encode(opacity=faint, strokeDash=dashes), dots.encode(opacity=faint)
    return alt.layer(line, dots).properties(height=HEIGHT)


def participation(rounds: Sequence[RoundView]) -> alt.Chart:
    """Draw what became of the admitted clients in each attempt, stacked."""
    return _stacked(
        rounds,
        _PARTICIPATION,
        lambda one: {
            "counted": one.reported,
            "rejected": one.rejected,
            "failed": one.failed,
            "dropped": one.dropped,
        },
        title="clients",
        words=lambda value: f"{value:.0f}",
        whole=True,
    )


def durations(rounds: Sequence[RoundView]) -> alt.Chart:
    """Draw how long each attempt took, split by stage."""
    return _stacked(
        rounds, _STAGE_COLOURS, lambda one: one.stage_s, title="seconds", words=duration
    )


def traffic(rounds: Sequence[RoundView]) -> alt.Chart:
    """Draw the bytes of each attempt, by direction."""
    top = max((one.received_bytes + one.sent_bytes for one in rounds), default=0)
    unit, divisor = next(
        (pair for pair in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)) if top >= pair[1]), ("bytes", 1.0)
    )
    return _stacked(
        rounds,
        _TRAFFIC,
        lambda one: {
            "received": one.received_bytes / divisor,
            "sent": one.sent_bytes / divisor,
        },
        title=unit,
        words=lambda value: size_words(value * divisor),
    )


def round_label(one: RoundView) -> str:
    """Name an attempt on an axis: the round, and what tells it from others of that round."""
    words = str(one.server_round)
    if one.attempt > 1:
        words += f", attempt {one.attempt}"
    if one.generation:
        words += f" ({'after roll-back' if one.generation == 1 else f'roll-back {one.generation}'})"
    return words


def _result(one: RoundView) -> str:
    result = "completed" if one.completed else f"abandoned in {one.abandoned_in}"
    return f"{result}, superseded" if one.superseded else result


def _oldest_first(rounds: Sequence[RoundView]) -> list[RoundView]:
    return sorted(rounds, key=lambda one: one.row_id)


def _bars(
    rounds: Sequence[RoundView],
    names: Sequence[str],
    parts: Callable[[RoundView], Mapping[str, float]],
    words: Callable[[float], str],
) -> pd.DataFrame:
    rows = [
        (place, round_label(one), name, value, order, words(value), _result(one), one.superseded)
        for place, one in enumerate(_oldest_first(rounds))
        for order, (name, value) in enumerate(_in_order(parts(one), names))
        if value or not order  # nothing is drawn of nothing, but every attempt has its place
    ]
    names_of = ["place", "round", "part", "value", "order", "words", "result", "faint"]
    return pd.DataFrame(rows, columns=names_of)


def _in_order(parts: Mapping[str, float], names: Sequence[str]) -> list[tuple[str, float]]:
    return [(name, float(parts[name])) for name in names if name in parts]


def _stacked(
    rounds: Sequence[RoundView],
    colours: Mapping[str, str],
    parts: Callable[[RoundView], Mapping[str, float]],
    *,
    title: str,
    words: Callable[[float], str],
    whole: bool = False,
) -> alt.Chart:
    """Draw one bar for each attempt, the oldest on the left."""
    axis = alt.Axis(tickMinStep=1, format="d") if whole else alt.Axis(tickCount=4)
    # An attempt has a bar of its own, below which the number of its round stands.
    numbers = json.dumps([str(one.server_round) for one in _oldest_first(rounds)])
    labels = alt.Axis(
        labelAngle=0,
        labelOverlap=True,
        grid=False,
        titlePadding=4,
        labelExpr=f"{numbers}[datum.value]",
    )
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    bars = _bars(rounds, list(colours), parts, words)
    chart: alt.Chart = (
        alt.Chart(bars)
        .mark_bar(aria=False)
        .encode(
            x=alt.X("place:O", title="server round", axis=labels),
            y=alt.Y("value:Q", title=title, axis=axis, stack="zero"),
            color=alt.Color("part:N", scale=scale, legend=_legend()),
            order=alt.Order("order:Q"),
            tooltip=[
                alt.Tooltip("round:N", title="round"),
                alt.Tooltip("result:N", title="result"),
                alt.Tooltip("part:N", title="part"),
                alt.Tooltip("words:N", title="how much"),
            ],
        )
        .properties(height=HEIGHT)
    )
    if bars["faint"].any():
        faint = alt.condition("datum.faint", alt.value(0.4), alt.value(1))
        chart = chart.encode(opacity=faint)
    return chart
