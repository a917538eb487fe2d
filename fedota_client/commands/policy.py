"""``fedota-client policy``: which policies hold on this machine."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Annotated, Any

import typer

from fedota_client.commands.options import ConfigOption, JsonOption, PolicyOption
from fedota_client.config_file import client_settings
from fedota_client.invite_source import read_invite
from fedota_client.plain_errors import plain_errors
from fedota_client.policy.policy import Policy
from fedota_client.policy.rules import SYSTEM_POLICY, PolicyRules, platform_sha256


def policy_command(
    invite: Annotated[
        str | None,
        typer.Argument(
            metavar="[INVITE]",
            help="An invite, to show the platform that made it as a policy names it.",
            show_default=False,
        ),
    ] = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show which policies hold on this machine, and what they ask for.

    \b
    Examples:
      fedota-client policy
      fedota-client policy north.invite --policy clinic.toml
    """
    with plain_errors():
        settings = client_settings(config, policy=policy)
        rules = PolicyRules.load(settings.policy)
        platform = ""
        if invite is not None:
            platform = platform_sha256(read_invite(invite, sys.stdin.read).ca_pem)
        if as_json:
            shown = [asdict(one) for one in rules.policies]
            typer.echo(json.dumps({"policies": shown, "platform": platform}))
            return
        if not rules.policies:
            typer.echo(f"No policy holds here: there is no {SYSTEM_POLICY}, and none was named.")
        for one in rules.policies:
            typer.echo(f"{one.source}:")
            for line in _lines(one):
                typer.echo(f"  {line}")
        if platform:
            typer.echo(f"The invite's platform: {platform}")


def _lines(policy: Policy) -> list[str]:
    asked = {name: value for name, value in asdict(policy).items() if name != "source"}
    plain = asdict(Policy(""))
    lines = [f"{name} = {_shown(value)}" for name, value in asked.items() if value != plain[name]]
    return lines or ["asks for nothing"]


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {one:g}" for name, one in value.items())
    if isinstance(value, tuple):
        return ", ".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)
