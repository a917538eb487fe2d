"""Events in words, one line each, for consoles without a table and for logs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from fedota_proto.v1 import fl_records_pb2 as records_pb
from fedota_proto.v1 import fl_round_pb2 as round_pb
from fedota_proto.v1 import fl_status_pb2 as pb

_YEAR_10000_UNIX_S = 253_000_000_000.0
_CHANGES = {
    "bound": "has enrolled",
    "connected": "is connected",
    "gone": "is gone",
    "away": "is away",
    "left": "has left for good",
    "revoked": "is revoked",
    "ready": "is ready",
}


def metrics_words(values: Iterable[pb.NamedValue]) -> str:
    """Write metrics as ``loss 0.123, accuracy 0.98``, the loss first."""
    ordered = sorted(values, key=lambda value: (value.name != "loss", value.name))
    return ", ".join(f"{value.name} {value.value:.4g}" for value in ordered)


def short_name(name: str) -> str:
    """Shorten ``selector-1.<problem-id>.fedota`` to ``selector-1``."""
    return name.partition(".")[0]


def round_words(key: records_pb.RoundKey) -> str:
    """Name a round; the attempt where it is not the first, the generation after a roll-back."""
    words = f"round {key.server_round}"
    if key.attempt > 1:
        words += f", attempt {key.attempt}"
    if key.generation > 0:
        words += f" (generation {key.generation})"
    return words


def back_words(until_unix_s: float) -> str:
    """Write when somebody means to be back: ``, back Mon 22:00``; empty for no sensible moment."""
    if not 0 < until_unix_s < _YEAR_10000_UNIX_S:
        return ""
    return f", back {datetime.fromtimestamp(until_unix_s).astimezone():%a %H:%M}"


def event_line(event: pb.Event, names: Mapping[int, str]) -> str:
    """Say what happened.

    Parameters
    ----------
    event
        From the coordinator.
    names
        Of the data holders, by node id.

    Returns
    -------
    str
        One line; empty for what is not worth one (stages, an update that was counted).
    """
    match event.WhichOneof("body"):
        case "state":
            reason = f": {event.state.reason}" if event.state.reason else ""
            return f"the problem is {event.state.state}{reason}"
        case "round":
            return _round_line(event.round)
        case "evaluated":
            clients = event.evaluated.clients
            line = (
                f"{round_words(event.evaluated.round)} evaluated by {clients} "
                f"client{'s' if clients != 1 else ''}"
            )
            metrics = metrics_words(event.evaluated.metrics)
            return f"{line}: {metrics}" if metrics else line
        case "member":
            change = _CHANGES.get(event.member.change, event.member.change)
            where = f" ({short_name(event.member.selector)})" if event.member.selector else ""
            back = back_words(event.member.away_until_unix_s)
            return f"{_name(event.member.node_id, names)} {change}{back}{where}"
        case "update":
            return _update_line(event.update, names)
        case "rolled_back":
            return (
                f"rolled back to round {event.rolled_back.to_round}; "
                f"generation {event.rolled_back.generation} begins"
            )
        case "selector":
            return f"{short_name(event.selector.name)} {event.selector.change}"
        case _:
            return ""


def _name(node_id: int, names: Mapping[int, str]) -> str:
    return names.get(node_id, f"client {node_id}")


def _round_line(ended: pb.RoundEnded) -> str:
    if not ended.completed:
        stage = f" in {ended.abandoned_in}" if ended.abandoned_in else ""
        return f"{round_words(ended.round)} abandoned{stage}: {ended.reason}"
    words = f"{round_words(ended.round)} completed: {ended.reported} of {ended.admitted} reported"
    if ended.failed:
        words += f", {ended.failed} failed"
    if ended.rejected:
        words += f", {ended.rejected} rejected"
    metrics = metrics_words(ended.train_metrics)
    return f"{words}; {metrics}" if metrics else words


def _update_line(settled: pb.UpdateSettled, names: Mapping[int, str]) -> str:
    outcome = settled.outcome
    name = _name(settled.node_id, names)
    if outcome.kind == round_pb.REJECTED:
        return f"the update of {name} was rejected ({outcome.code}): {outcome.reason}"
    if outcome.kind == round_pb.LATE:
        return f"the update of {name} came too late"
    return ""
