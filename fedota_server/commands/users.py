"""`fedota users …`: the platform's accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fedota_proto.errors import UsageError
from fedota_server.commands.administering import (
    JsonOption,
    desk,
    show_table,
    time_words,
    write_json,
)
from fedota_server.commands.plain_help import PlainCommand

if TYPE_CHECKING:
    from fedota_server.webserver.account import Account
    from fedota_server.webserver.permissions import Role

app = typer.Typer(
    help="List, add and change the accounts of the platform.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_MANY = 500

EmailArgument = Annotated[
    str, typer.Argument(metavar="EMAIL", help="The account's e-mail address.")
]
RoleOption = Annotated[
    list[str] | None,
    typer.Option("--role", metavar="ROLE", help="admin, setter or holder; may be repeated."),
]


@app.command(name="list", cls=PlainCommand)
def list_users(
    ctx: typer.Context,
    search: Annotated[
        str, typer.Option(metavar="WORDS", help="Only those with this in name or e-mail address.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """List the accounts.

    \b
    Examples:
      fedota users list
      fedota users list --search clinic --json
    """
    with desk(ctx) as at:
        found: list[Account] = []
        while True:
            page, total = at.platform.accounts.users(at.actor, search, len(found), _MANY)
            found += page
            if not page or len(found) >= total:
                break
    if as_json:
        write_json(found)
        return
    rows = [
        (
            one.email,
            one.name,
            _words(one.roles),
            "disabled" if one.disabled else "",
            time_words(one.last_seen_unix_s),
        )
        for one in found
    ]
    show_table(at.context, ("E-MAIL", "NAME", "ROLES", "", "LAST SEEN"), rows)


@app.command(cls=PlainCommand)
def add(
    ctx: typer.Context,
    email: EmailArgument,
    name: Annotated[str, typer.Option(metavar="NAME", help="How others see them.")],
    role: RoleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add an account; its first password is shown this once, and must be changed.

    \b
    Examples:
      fedota users add ada@example.org --name Ada --role admin
      fedota users add bob@example.org --name Bob --role setter --role holder
    """
    roles = _roles(role or ["holder"])
    with desk(ctx, begin=True) as at:
        account, password = at.platform.accounts.add_user(at.actor, email, name, roles)
    if as_json:
        write_json({"account": account, "password": password})
        return
    at.say(f"{account.email} is {_words(account.roles)}; the first password is {password}")


@app.command(cls=PlainCommand)
def roles(
    ctx: typer.Context, email: EmailArgument, role: RoleOption = None, as_json: JsonOption = False
) -> None:
    """Give an account these roles, in place of those that it has.

    \b
    Example:
      fedota users roles bob@example.org --role setter --role admin
    """
    if not role:
        raise UsageError("Name each role that the account is to have with --role.")
    given = _roles(role)
    with desk(ctx) as at:
        user = at.platform.accounts.find_user(at.actor, email)
        account = at.platform.accounts.set_roles(at.actor, user.user_id, given)
    if as_json:
        write_json(account)
        return
    at.say(f"{account.email} is {_words(account.roles)} now.")


@app.command(cls=PlainCommand)
def disable(ctx: typer.Context, email: EmailArgument) -> None:
    """Let an account in no more: it is signed out everywhere, its tokens are revoked.

    \b
    Example:
      fedota users disable bob@example.org
    """
    _set_disabled(ctx, email, disabled=True)


@app.command(cls=PlainCommand)
def enable(ctx: typer.Context, email: EmailArgument) -> None:
    """Let a disabled account in again.

    \b
    Example:
      fedota users enable bob@example.org
    """
    _set_disabled(ctx, email, disabled=False)


@app.command(cls=PlainCommand)
def reset(ctx: typer.Context, email: EmailArgument, as_json: JsonOption = False) -> None:
    """Give an account a new first password, which is shown this once and must be changed.

    \b
    Example:
      fedota users reset bob@example.org
    """
    with desk(ctx) as at:
        user = at.platform.accounts.find_user(at.actor, email)
        password = at.platform.accounts.reset_password(at.actor, user.user_id)
    if as_json:
        write_json({"email": user.email, "password": password})
        return
    at.say(f"The first password of {user.email} is {password}")


def _set_disabled(ctx: typer.Context, email: str, *, disabled: bool) -> None:
    with desk(ctx) as at:
        user = at.platform.accounts.find_user(at.actor, email)
        at.platform.accounts.set_disabled(at.actor, user.user_id, disabled)
    at.say(f"{user.email} is {'disabled' if disabled else 'let in'} now.")


def _roles(names: list[str]) -> frozenset[Role]:
    from fedota_server.webserver.permissions import Role

    known = {role.value: role for role in Role}
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise UsageError(f"There is no role {unknown[0]!r}: it is {', '.join(known)}.")
    return frozenset(known[name] for name in names)


def _words(held: frozenset[Role]) -> str:
    return ", ".join(sorted(held)) or "without a role"
