"""Asks the owner, once for the same thing."""

from __future__ import annotations

from collections.abc import Callable

from fedota_client.consent.basis import Basis
from fedota_client.consent.terms import Terms
from fedota_client.home import ClientHome
from fedota_proto.errors import UsageError


def ask(
    terms: Terms,
    basis: Basis,
    home: ClientHome,
    *,
    yes: bool,
    write: Callable[[str], None],
    confirm: Callable[[str], bool] | None,
) -> bool:
    """Show the terms and get the owner's consent, unless what they rest on has it already.

    Parameters
    ----------
    terms
        To be agreed to.
    basis
        What they rest on.
    home
        Where the answer is kept.
    yes
        Whether ``--yes`` was given.
    write
        Shows a text.
    confirm
        Asks a yes-or-no question; None where nobody can answer.

    Returns
    -------
    bool
        Whether there is consent.

    Raises
    ------
    UsageError
        There is neither a terminal nor ``--yes``.
    """
    before = Basis.from_fields(home.consented())
    if before == basis:
        return True
    text = terms.text()
    write(text)
    if before is not None:
        write(f"\nYou agreed before; since then this has changed: {_listed(basis, before)}.")
    if not yes:
        if confirm is None:
            raise UsageError(
                "Nothing has run: there is no terminal to ask on; repeat the command with --yes "
                "if you agree to the above."
            )
        if not confirm("Do you agree?"):
            return False
    home.record_consent(basis.fields(), text, "--yes" if yes else "terminal")
    return True


def _listed(basis: Basis, before: Basis) -> str:
    *most, last = basis.changed(before)
    return f"{', '.join(most)} and {last}" if most else last
