"""Which pages there are, and who is shown which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import Page

from fedota_server.webserver.accounts import Account
from fedota_server.webserver.permissions import Role

_PAGES = Path(__file__).with_name("pages")


@dataclass(frozen=True)
class PageEntry:
    """A page of the app.

    Parameters
    ----------
    file
        Its script's name in ``ui/pages``.
    url_path
        Where it is found; empty: at ``/``.
    title, icon
        As the navigation shows them.
    section
        Of the navigation; empty where the page is reached by links alone.
    role
        Who is shown it; None: everybody signed in. Hiding is for clarity alone: whether something
        may be done, the use cases ask.
    """

    file: str
    url_path: str
    title: str
    icon: str
    section: str = ""
    role: Role | None = None

    def shown_to(self, account: Account) -> bool:
        """Tell whether the page is for somebody."""
        return self.role is None or self.role in account.roles

    @property
    def script(self) -> Path:
        """Its script."""
        return _PAGES / f"{self.file}.py"

    def page(self) -> Page:
        """Make it for Streamlit."""
        return st.Page(
            self.script,
            title=self.title,
            icon=f":material/{self.icon}:",
            url_path=self.url_path or None,
            default=not self.url_path,
            visibility="visible" if self.section else "hidden",
        )


_PROBLEMS, _YOU, _PLATFORM = "Problems", "You", "Platform"

ENTRIES: tuple[PageEntry, ...] = (
    PageEntry("home", "", "Home", "home", _PROBLEMS),
    PageEntry("catalogue", "catalogue", "Catalogue", "search", _PROBLEMS),
    PageEntry("new_problem", "new", "New problem", "add_circle", _PROBLEMS, Role.SETTER),
    PageEntry("my_data", "my-data", "My data", "hub", _PROBLEMS, Role.HOLDER),
    PageEntry("problem", "problem", "Problem", "model_training"),
    PageEntry("join", "join", "Join a problem", "handshake"),
    PageEntry("account", "account", "Your account", "person", _YOU),
    PageEntry("admin_users", "users", "Users", "group", _PLATFORM, Role.ADMIN),
    PageEntry("admin_problems", "problems", "All problems", "list_alt", _PLATFORM, Role.ADMIN),
    PageEntry("admin_servers", "servers", "Servers", "dns", _PLATFORM, Role.ADMIN),
    PageEntry("admin_audit", "audit", "Audit log", "history", _PLATFORM, Role.ADMIN),
    PageEntry("admin_health", "health", "Health", "stethoscope", _PLATFORM, Role.ADMIN),
    PageEntry("admin_settings", "settings", "Registration", "tune", _PLATFORM, Role.ADMIN),
)


def pages_for(account: Account) -> Mapping[str, list[Page]]:
    """List the pages that somebody is shown, by section of the navigation."""
    sections: dict[str, list[Page]] = {}
    for entry in ENTRIES:
        if entry.shown_to(account):
            sections.setdefault(entry.section or _PROBLEMS, []).append(entry.page())
    return sections


def only_account() -> Mapping[str, list[Page]]:
    """List what somebody is shown who must choose a password first."""
    script = _PAGES / "account.py"
    return {_YOU: [st.Page(script, title="Choose a password", icon=":material/key:", default=True)]}
