"""Who is signed in, and the way out: an HTML form, since only a route can change the cookie."""

from __future__ import annotations

import html

import streamlit as st

from fedota_server.webserver.accounts import Account
from ui.theme.palette import DARK, LIGHT

_STYLE = f"""
<style>
.fedota-who {{ font-size: .875rem; overflow-wrap: anywhere; margin: 0 0 .6rem; }}
.fedota-who span {{ display: block; color: light-dark({LIGHT.muted}, {DARK.muted}); }}
.fedota-out {{
  font: inherit; font-size: .9rem; color: inherit; background: transparent; cursor: pointer;
  padding: .35rem .9rem; border-radius: .5rem;
  border: 1px solid light-dark({LIGHT.border}, {DARK.border});
}}
.fedota-out:hover {{ border-color: currentColor; }}
a.fedota-in {{
  display: inline-block; padding: .5rem 1.1rem; border-radius: .5rem; text-decoration: none;
  color: light-dark({LIGHT.on_primary}, {DARK.on_primary});
  background: light-dark({LIGHT.primary}, {DARK.primary});
}}
</style>
"""


def show_sign_out(someone: Account) -> None:
    """Show whose page this is, and the button that signs them out."""
    name, email = html.escape(someone.name), html.escape(someone.email)
    st.html(
        f'{_STYLE}<p class="fedota-who">{name}<span>{email}</span></p>'
        '<form method="post" action="/logout">'
        '<button type="submit" class="fedota-out">Sign out</button></form>'
    )


def show_signed_out() -> None:
    """Show that nobody is signed in any more, and the way back in, in the same tab."""
    st.info("You are signed out.", icon=":material/lock:")
    st.html(f'{_STYLE}<a class="fedota-in" href="/login">Sign in</a>')
