"""A word and its colour for each state."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from fedota_server.webserver.statuses import Status

Colour = Literal["red", "orange", "yellow", "blue", "green", "violet", "gray", "primary"]

STATUS_COLOURS: dict[str, Colour] = {
    Status.DRAFT: "gray",
    Status.READY: "blue",
    Status.RUNNING: "green",
    Status.WAITING: "orange",
    Status.PAUSED: "violet",
    Status.COMPLETED: "primary",
    Status.FAILED: "red",
    Status.ARCHIVED: "gray",
}
_STATUS_ICONS: dict[str, str] = {
    Status.DRAFT: "edit",
    Status.READY: "flag",
    Status.RUNNING: "play_arrow",
    Status.WAITING: "hourglass_empty",
    Status.PAUSED: "pause",
    Status.COMPLETED: "check",
    Status.FAILED: "error",
    Status.ARCHIVED: "inventory_2",
}
MEMBERSHIP_COLOURS: dict[str, Colour] = {
    "requested": "orange",
    "approved": "green",
    "declined": "red",
    "withdrawn": "gray",
    "left": "gray",
    "revoked": "red",
}
MEMBERSHIP_WORDS = {
    "requested": "waiting for the setter",
    "approved": "you take part",
    "declined": "request declined",
    "withdrawn": "request withdrawn",
    "left": "you have left",
    "revoked": "membership revoked",
}
CLIENT_COLOURS: dict[str, Colour] = {
    "connected": "green",
    "away": "violet",
    "gone": "orange",
    "never connected": "gray",
    "expired": "red",
    "left": "gray",
    "revoked": "red",
}
SERVER_COLOURS: dict[str, Colour] = {
    "running": "green",
    "starting": "blue",
    "backing off": "orange",
    "given up": "red",
    "stopped": "gray",
}


def badge_text(word: str, colour: Colour, icon: str = "") -> str:
    """Write a badge as Markdown, to stand in a line with other words.

    Parameters
    ----------
    word
        One of ours.
    colour
        Of its ground.
    icon
        Name of a Material icon.
    """
    return f":{colour}-badge[{f':material/{icon}: ' if icon else ''}{word}]"


def status_text(status: str) -> str:
    """Write a problem's status as a badge in Markdown."""
    icon = _STATUS_ICONS.get(status, "help")
    return badge_text(status, STATUS_COLOURS.get(status, "gray"), icon)


def membership_text(state: str) -> str:
    """Write the reader's own membership, in words to them, as a badge in Markdown."""
    colour = MEMBERSHIP_COLOURS.get(state, "gray")
    return badge_text(MEMBERSHIP_WORDS.get(state, state), colour, "handshake")


def status_badge(status: str) -> None:
    """Show a problem's status."""
    st.markdown(status_text(status), width="content")


def membership_badge(state: str) -> None:
    """Show the reader's own membership."""
    st.markdown(membership_text(state), width="content")


def badge(word: str, colours: dict[str, Colour]) -> None:
    """Show a state of something else."""
    st.markdown(badge_text(word, colours.get(word, "gray")), width="content")
