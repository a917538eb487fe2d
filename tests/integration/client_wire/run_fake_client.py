"""Runs `fedota_client.participation.take_part` with a fake worker, as a process of its own.

With ``--data`` before the invite it takes part in a published problem, whose file is in the folder,
and not with an app.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import fedota_client.command_line  # noqa: F401 (what the command holds in memory)
from fedota_client.config_file import client_settings
from fedota_client.home import ClientHome
from fedota_client.participation import JoinOptions, take_part
from fedota_client.progress import PlainDisplay
from fedota_proto.invite import Invite


def write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    arguments = sys.argv[1:]
    published = arguments[0] == "--data"
    invite_file, folder, *command = arguments[1:] if published else arguments
    invite = Invite.parse(Path(invite_file).read_text())
    home = ClientHome(Path(folder))
    home.adopt(invite)
    options = JoinOptions(
        data=Path(folder) if published else None,
        app=None if published else Path(folder),
        worker_command=tuple(command),
    )
    settings = client_settings()
    return asyncio.run(take_part(invite, home, settings, PlainDisplay(write), options))


if __name__ == "__main__":
    sys.exit(main())
