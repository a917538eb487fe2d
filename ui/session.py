"""Who looks at the page, and the platform behind it: what every page starts from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import streamlit as st

from fedota_proto.errors import InternalError
from fedota_server.webserver.accounts import Account
from fedota_server.webserver.doctor import Doctor, LastTrials
from fedota_server.webserver.platform import Platform
from ui.cookies import SessionCookie
from ui.sign_out import show_signed_out


def _cookies_of_browser() -> Mapping[str, str]:
    return st.context.cookies


@dataclass(frozen=True)
class _Installed:
    platform: Platform
    cookie: SessionCookie
    cookies: Callable[[], Mapping[str, str]]
    trials: LastTrials


# Scripts are run anew by Streamlit's threads and given nothing: what they need waits here.
_installed: list[_Installed] = []


def install(
    platform: Platform, cookies: Callable[[], Mapping[str, str]] = _cookies_of_browser
) -> SessionCookie:
    """Say which platform this process's pages show.

    Parameters
    ----------
    platform
        Opened.
    cookies
        Gives the cookies of the browser in which the current script run is shown.

    Returns
    -------
    SessionCookie
        The cookie by which the pages know who looks at them.
    """
    settings = platform.settings
    cookie = SessionCookie(settings.secure_cookies, settings.session_days)
    trials = LastTrials(lambda: Doctor(settings).trials())
    _installed[:] = [_Installed(platform, cookie, cookies, trials)]
    return cookie


def _current() -> _Installed:
    if not _installed:
        raise InternalError("The pages are served by `fedota up` alone: start that.")
    return _installed[0]


def platform() -> Platform:
    """Return the platform that the pages show."""
    return _current().platform


def trials() -> LastTrials:
    """Return what is known of the programs that the platform starts."""
    return _current().trials


def session_token() -> str:
    """Return the token that the browser sent; empty if none."""
    current = _current()
    return current.cookie.token(current.cookies())


def account() -> Account:
    """Return whose page this is; asked anew in every run, so that a session ends at once.

    Where nobody is signed in, the script stops with a link to the page where one can.
    """
    found = account_or_none()
    if found is None:
        show_signed_out()
        st.stop()
    return found


def account_or_none() -> Account | None:
    """Return whose page this is, or None where nobody is signed in."""
    token = session_token()
    return platform().accounts.by_session(token) if token else None
