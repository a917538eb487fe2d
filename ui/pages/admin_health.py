"""What `fedota doctor` finds: what is wrong with this installation, and what to do about it."""

from __future__ import annotations

import streamlit as st

from fedota_server.webserver.doctor import Doctor, Finding, State
from fedota_server.webserver.permissions import Action, require
from ui.parts.words import plain
from ui.session import account, platform

_LOOKS = {
    State.OK: (":material/check_circle:", "green"),
    State.WARNING: (":material/warning:", "orange"),
    State.PROBLEM: (":material/error:", "red"),
}


def _row(finding: Finding) -> None:
    icon, colour = _LOOKS[finding.state]
    st.markdown(f":{colour}[{icon}] **{plain(finding.name)}** · {plain(finding.what)}")
    if finding.remedy:
        st.caption(plain(finding.remedy))


def show() -> None:
    """Show the page."""
    me = account()
    require(me.actor, Action.SEE_SERVERS)
    st.title("Health")
    st.markdown("The same checks as `fedota doctor`.")
    with st.spinner("Looking at the installation"):
        findings = Doctor(platform().settings).checks()
    wrong = [one for one in findings if one.state is not State.OK]
    if not wrong:
        st.success("All is well.", icon=":material/check_circle:")
    for finding in wrong:
        with st.container(border=True):
            _row(finding)
    for finding in findings:
        if finding.state is State.OK:
            _row(finding)
    st.button("Look again", icon=":material/refresh:")


show()
