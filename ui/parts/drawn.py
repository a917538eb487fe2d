"""Charts drawn once for all readers and looks, until a round ends."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from fedota_server.webserver.views import EvaluationView, RoundView
from ui.parts.charts import AnyChart, durations, learning_curve, participation, traffic
from ui.parts.curves import metric_names, metric_title
from ui.parts.words import size_words

_PAGES_KEPT = 32
OF_ROUNDS = {"participation": "Participation", "durations": "Duration", "traffic": "Traffic"}


@dataclass(frozen=True)
class DrawnChart:
    """A chart.

    Parameters
    ----------
    name
        Of the chart on its page.
    title
        Above it.
    spec
        Vega-Lite, as JSON.
    """

    name: str
    title: str
    spec: str


@dataclass(frozen=True)
class _Drawing:
    """What is drawn; two with the same key draw the same."""

    key: tuple[object, ...]
    rounds: Sequence[RoundView] = field(compare=False)
    evaluations: Sequence[EvaluationView] = field(compare=False)


def drawn_charts(
    problem_id: str, rounds: Sequence[RoundView], evaluations: Sequence[EvaluationView]
) -> tuple[DrawnChart, ...]:
    """Draw a curve for each metric, then who took part, what the stages took, what travelled.

    Parameters
    ----------
    problem_id
        Of which problem.
    rounds, evaluations
        As they are now; both only grow, or are marked as superseded.
    """
    key = (
        problem_id,
        len(rounds),
        max((one.row_id for one in rounds), default=0),
        len(evaluations),
        sum(1 for one in evaluations if one.superseded),
        max((one.unix_s for one in evaluations), default=0.0),
    )
    return _drawn(_Drawing(key, rounds, evaluations))


@lru_cache(maxsize=_PAGES_KEPT)
def _drawn(what: _Drawing) -> tuple[DrawnChart, ...]:
    rounds, evaluations = what.rounds, what.evaluations
    received = sum(one.received_bytes for one in rounds)
    sent = sum(one.sent_bytes for one in rounds)
    curves = [
        _one(f"curve_{name}", metric_title(name), learning_curve(evaluations, name))
        for name in metric_names(evaluations)
    ]
    return (
        *curves,
        _one("participation", "What became of the admitted clients", participation(rounds)),
        _one("durations", "Duration of a round, by stage", durations(rounds)),
        _one(
            "traffic",
            f"{size_words(received)} received, {size_words(sent)} sent",
            traffic(rounds),
        ),
    )


def _one(name: str, title: str, chart: AnyChart) -> DrawnChart:
    return DrawnChart(name, title, json.dumps(chart.to_dict()))
