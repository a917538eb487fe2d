"""A link that fetches a file."""

from __future__ import annotations

from html import escape
from urllib.parse import quote

import streamlit as st


def download_link(words: str, path: str, name: str = "") -> None:
    """Show a link, like a button, to a file of this platform.

    Parameters
    ----------
    words
        What it says.
    path
        Of the file on this platform, from ``/``.
    name
        Under which the browser keeps it; empty: as the route says.
    """
    kept_as = f'="{escape(name, quote=True)}"' if name else ""
    st.html(
        f'<a class="fedota-button" href="{escape(quote(path, safe="/?=&"), quote=True)}" '
        f"download{kept_as}>{escape(words)}</a>",
        width="content",
    )
