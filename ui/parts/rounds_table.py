"""The rounds that ended, as a table."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from fedota_server.webserver.views import EvaluationView, RoundView
from ui.parts.words import duration, metric_words, number, reader_zone, size_words, when

ROUNDS_A_PAGE = 50


def result_words(one: RoundView) -> str:
    """Say how an attempt ended."""
    words = "completed" if one.completed else f"abandoned in {one.abandoned_in or 'its beginning'}"
    if one.reason:
        words += f": {one.reason}"
    return f"superseded ({words})" if one.superseded else words


def reports_words(one: RoundView) -> str:
    """Say what became of the admitted clients."""
    words = f"{one.reported} of {one.admitted}"
    more = [
        f"{many} {word}"
        for many, word in (
            (one.rejected, "rejected"),
            (one.failed, "failed"),
            (one.dropped, "dropped"),
        )
        if many
    ]
    return f"{words} ({', '.join(more)})" if more else words


def rounds_frame(
    rounds: Sequence[RoundView], evaluations: Sequence[EvaluationView]
) -> pd.DataFrame:
    """Write rounds as rows, newest first.

    Parameters
    ----------
    rounds
        Of one page.
    evaluations
        Of any rounds; the federated ones are looked up.
    """
    scores = {
        (one.generation, one.server_round): one.metrics
        for one in evaluations
        if one.source == "federated"
    }
    zone = reader_zone()
    rows = [
        (
            one.server_round,
            f"{one.attempt}" if one.attempt > 1 else "",
            result_words(one),
            reports_words(one),
            number(one.weight),
            metric_words(scores.get((one.generation, one.server_round), {}))
            if one.completed
            else "",
            duration(sum(one.stage_s.values())),
            size_words(one.received_bytes),
            size_words(one.sent_bytes),
            when(one.ended_unix_s, zone),
        )
        for one in sorted(rounds, key=lambda one: -one.row_id)
    ]
    return pd.DataFrame(
        rows,
        columns=[
            "round",
            "attempt",
            "result",
            "reports",
            "examples",
            "evaluation",
            "took",
            "received",
            "sent",
            "ended",
        ],
    )


def show_rounds(rounds: Sequence[RoundView], evaluations: Sequence[EvaluationView]) -> None:
    """Show the table; what a roll-back set aside is marked in its result."""
    frame = rounds_frame(rounds, evaluations)
    if not (frame["attempt"] != "").any():
        frame = frame.drop(columns="attempt")
    st.dataframe(
        frame,
        hide_index=True,
        column_config={
            "round": st.column_config.NumberColumn(width=60, pinned=True),
            "result": st.column_config.TextColumn(width="medium"),
            "reports": st.column_config.TextColumn(
                help="Clients whose update was counted, of those that were admitted."
            ),
            "examples": st.column_config.TextColumn(help="Behind the counted updates."),
        },
        alt="Rounds, newest first",
    )
