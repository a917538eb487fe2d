"""Clients and what they did, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

import pandas as pd
import streamlit as st

from fedota_server.webserver.views import ClientView, ReasonView
from ui.parts.words import number, reader_zone, size_words, when


def reason_words(reasons: Sequence[ReasonView]) -> str:
    """Say why updates were not counted: ``2 × rejected: the loss is NaN``."""
    return "; ".join(
        f"{one.count} × {one.outcome}"
        + (f": {one.reason or one.code}" if one.reason or one.code else "")
        for one in reasons
    )


def state_words(one: ClientView, zone: tzinfo | None = None) -> str:
    """Say how a client stands: ``away, back today 22:00``, ``never connected, ready``."""
    if one.state == "away" and one.back_unix_s is not None:
        return f"away, back {when(one.back_unix_s, zone)}"
    if one.state == "never connected" and one.ready:
        return "never connected, ready"
    return one.state


def clients_frame(clients: Sequence[ClientView]) -> pd.DataFrame:
    """Write clients as rows."""
    zone = reader_zone()
    return pd.DataFrame(
        [
            (
                one.name,
                state_words(one, zone),
                when(one.since_unix_s, zone),
                number(one.rounds),
                number(one.counted),
                f"{one.rejected}" + (f" ({reason_words(one.reasons)})" if one.reasons else ""),
                number(one.examples),
                size_words(one.size_bytes),
            )
            for one in clients
        ],
        columns=[
            "client",
            "state",
            "since",
            "rounds",
            "counted",
            "not counted",
            "examples",
            "sent",
        ],
    )


def show_clients(clients: Sequence[ClientView]) -> None:
    """Show the table."""
    st.dataframe(
        clients_frame(clients),
        hide_index=True,
        column_config={
            "client": st.column_config.TextColumn(pinned=True),
            "rounds": st.column_config.TextColumn(help="In which an update of it was counted."),
            "examples": st.column_config.TextColumn(help="Behind the counted updates, added up."),
        },
        alt="Clients",
    )
