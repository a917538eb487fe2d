"""The script that Streamlit runs for every page: who is it, and which pages has it."""

from __future__ import annotations

import streamlit as st

from ui.navigation import only_account, pages_for
from ui.session import account, platform
from ui.sign_out import show_sign_out
from ui.theme import ICON, WORDMARK

st.set_page_config(page_title="Fedota", page_icon=str(ICON), layout="wide")
st.logo(str(WORDMARK), icon_image=str(ICON), link=platform().settings.page_url)

someone = account()
pages = only_account() if someone.must_change_password else pages_for(someone)
page = st.navigation(pages)
with st.sidebar:
    show_sign_out(someone)
page.run()
