"""The script that Streamlit runs for every page: who is it, and which pages has it."""

from __future__ import annotations

import streamlit as st

from ui.navigation import only_account, pages_for
from ui.session import account

st.set_page_config(page_title="Fedota", page_icon=":material/hub:", layout="wide")

someone = account()
pages = only_account() if someone.must_change_password else pages_for(someone)
page = st.navigation(pages)
with st.sidebar:
    st.caption(f"Signed in as {someone.email}")
    st.html('<form method="post" action="/logout"><button type="submit">Sign out</button></form>')
page.run()
