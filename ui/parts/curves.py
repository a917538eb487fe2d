"""What the charts draw, as plain numbers: thinned, and in the order of the rounds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from fedota_server.webserver.views import EvaluationView

POINTS_MAX = 160  # a chart is some 400 pixels wide
SOURCES = {
    "federated": "held-out data",
    "test file": "test file",
}


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One model's score.

    Parameters
    ----------
    server_round, value
        Where it stands.
    source
        In words: on what it was scored.
    line
        Points of one line are joined: a roll-back begins a new one.
    superseded
        Whether a roll-back set it aside.
    """

    server_round: int
    value: float
    source: str
    line: str
    superseded: bool


def thinned(values: Sequence[float], most: int = POINTS_MAX) -> list[int]:
    """Choose the points of a long curve that its picture needs.

    Parameters
    ----------
    values
        Of the curve, from left to right.
    most
        How many points may be drawn, at least 4.

    Returns
    -------
    list of int
        Places in `values`, ascending: all of them where there are few enough, else the first, the
        last, and the lowest and the highest of each stretch between, so that no peak is lost.
    """
    if len(values) <= most:
        return list(range(len(values)))
    stretches = (most - 2) // 2
    inner = len(values) - 2
    chosen = {0, len(values) - 1}
    for stretch in range(stretches):
        places = range(1 + stretch * inner // stretches, 1 + (stretch + 1) * inner // stretches)
        if places:
            chosen.add(min(places, key=values.__getitem__))
            chosen.add(max(places, key=values.__getitem__))
    return sorted(chosen)


def metric_names(evaluations: Sequence[EvaluationView]) -> list[str]:
    """List the metrics that were measured, the loss first."""
    names = dict.fromkeys(name for one in evaluations for name in one.metrics)
    return sorted(names, key=lambda name: (name != "loss", name))


def metric_title(name: str) -> str:
    """Write a metric's name as a title: short ones are abbreviations."""
    return name.upper() if len(name) <= 3 else name.replace("_", " ").capitalize()


def curve_points(evaluations: Sequence[EvaluationView], metric: str) -> list[CurvePoint]:
    """Collect one metric's curve from each source, thinned.

    Parameters
    ----------
    evaluations
        In any order.
    metric
        Its name.
    """
    lines: dict[tuple[str, int, bool], list[CurvePoint]] = defaultdict(list)
    for one in sorted(evaluations, key=lambda one: (one.generation, one.server_round)):
        if metric not in one.metrics:
            continue
        # What still counts is one line across generations; what a roll-back left, one for each.
        key = (one.source, one.generation if one.superseded else -1, one.superseded)
        lines[key].append(
            CurvePoint(
                one.server_round,
                one.metrics[metric],
                SOURCES.get(one.source, one.source),
                f"{one.source} {key[1]}",
                one.superseded,
            )
        )
    points = []
    for line in lines.values():
        line.sort(key=lambda point: point.server_round)
        points += [line[place] for place in thinned([point.value for point in line])]
    return points
