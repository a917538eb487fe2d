"""How the pages look: colours, fonts and icon, and how Streamlit is set."""

from __future__ import annotations

from pathlib import Path

ICON = Path(__file__).with_name("icon.svg")
WORDMARK = Path(__file__).with_name("wordmark.svg")
