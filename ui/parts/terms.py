"""What taking part means, before anybody agrees to it."""

from __future__ import annotations

import streamlit as st

from fedota_server.webserver.views import LeavesView
from ui.parts.words import plain


def show_terms(leaves: LeavesView) -> None:
    """Show what runs, what leaves, what stays, and who can see a single update."""
    with st.grid(2, min_column_width=320, gap="medium"):
        with st.container(border=True, height="stretch"):
            st.markdown("**:material/memory: What will run on your machine**")
            st.markdown("\n".join(f"- {plain(line)}" for line in leaves.runs))
        with st.container(border=True, height="stretch"):
            st.markdown("**:material/upload: What will leave it**")
            st.markdown("\n".join(f"- {plain(line)}" for line in leaves.leaves))
        with st.container(border=True, height="stretch"):
            st.markdown("**:material/lock: What stays**")
            st.markdown(plain(leaves.stays))
        with st.container(border=True, height="stretch"):
            st.markdown("**:material/visibility: Who can see a single update of yours**")
            st.markdown(plain(leaves.seen_by))
            st.caption(
                f"A round's model is made of at least {leaves.minimum_reports} holders' updates. "
                "Your client shows all of this again and asks, before anything runs."
            )
