"""Accounts: who somebody is, and what opens the platform to them."""

from __future__ import annotations

from fedota_server.webserver.account import Account, SessionView, TokenView
from fedota_server.webserver.own_account import OwnAccount
from fedota_server.webserver.registration import Registration
from fedota_server.webserver.registration_rules import RegistrationView
from fedota_server.webserver.single_sign_on import SingleSignOn
from fedota_server.webserver.user_administration import UserAdministration

__all__ = ["Account", "Accounts", "RegistrationView", "SessionView", "TokenView"]


class Accounts(SingleSignOn, Registration, OwnAccount, UserAdministration):
    """Everything about accounts, in one place to ask; any thread may ask at any time.

    Each of its parts stands in a module of its own: `SetUp`, `SignIn`, `SingleSignOn`,
    `Registration`, `OwnAccount`, `UserAdministration`. Every change is written down in the audit
    log, in the same transaction.
    """
