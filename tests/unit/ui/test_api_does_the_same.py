"""What the pages do, the API does: whoever adds a deed to one is reminded of the other."""

from __future__ import annotations

import ast
from pathlib import Path

import ui
from fedota_server.webserver import api
from fedota_server.webserver.accounts import Accounts
from fedota_server.webserver.audit import Audit
from fedota_server.webserver.job_desk import JobDesk
from fedota_server.webserver.memberships import Memberships
from fedota_server.webserver.problems.problems import Problems

USE_CASES = {
    "accounts": Accounts,
    "audit": Audit,
    "jobs": JobDesk,
    "memberships": Memberships,
    "problems": Problems,
}

# A browser's own: how somebody is signed in to it, where a script has a token.
OF_A_BROWSER = {
    "accounts.by_session",
    "accounts.needs_setup",
    "accounts.register",
    "accounts.set_up",
    "accounts.sign_in",
    "accounts.sign_in_oidc",
    "accounts.sign_out",
}


def used_in(package: str) -> set[str]:
    """Find the use cases that a package's sources name, as ``problems.publish``."""
    found = set()
    for path in Path(package).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Attribute):
                continue
            of = node.value
            name = str(getattr(of, "attr", getattr(of, "id", ""))).lstrip("_")
            if name in USE_CASES and callable(getattr(USE_CASES[name], node.attr, None)):
                found.add(f"{name}.{node.attr}")
    return found


def test_every_use_case_of_a_page_has_an_endpoint() -> None:
    assert ui.__file__ is not None
    pages = used_in(ui.__file__)
    assert {"problems.publish", "memberships.join", "accounts.add_user"} <= pages
    assert pages - used_in(api.__file__) == OF_A_BROWSER
