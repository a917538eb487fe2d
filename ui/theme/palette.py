"""The colours, light and dark, of the Streamlit pages and of our own forms alike."""

from __future__ import annotations

from dataclasses import dataclass

FONT = (
    'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", "DejaVu Sans", '
    "sans-serif"
)
CODE_FONT = 'ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", monospace'

# Told apart by people who see red and green alike, and in print: after Okabe and Ito (2008).
CHART_COLOURS = (
    "#0b7a75",
    "#e08a00",
    "#5b6ee1",
    "#c2487a",
    "#6a9f2b",
    "#3fa7d6",
    "#8d6a4f",
    "#7a7f87",
)


@dataclass(frozen=True)
class Palette:
    """One set of colours, as CSS writes them.

    Parameters
    ----------
    primary
        Buttons and what is chosen.
    on_primary
        Text on it.
    background, raised
        The page; the sidebar, cards and fields.
    text, muted
        What is read; what explains it.
    border
        Lines and frames.
    link
        Links.
    good, warning, bad
        What went well, what needs a look, what failed.
    """

    primary: str
    on_primary: str
    background: str
    raised: str
    text: str
    muted: str
    border: str
    link: str
    good: str
    warning: str
    bad: str


LIGHT = Palette(
    primary="#0b7a75",
    on_primary="#ffffff",
    background="#ffffff",
    raised="#f3f7f7",
    text="#17242b",
    muted="#566770",
    border="#d5dfe1",
    link="#0a6c68",
    good="#1d7f45",
    warning="#a15c00",
    bad="#b42331",
)

DARK = Palette(
    primary="#2fb5a8",
    on_primary="#06211f",
    background="#10191e",
    raised="#18242a",
    text="#e6eef0",
    muted="#9db0b7",
    border="#2c3c44",
    link="#5fd0c5",
    good="#57c785",
    warning="#e9b15f",
    bad="#f2808a",
)
