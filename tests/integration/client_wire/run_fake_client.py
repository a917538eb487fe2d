"""Runs `fedota_client.participation.take_part` with a fake worker, as a process of its own."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from fedota_client.home import ClientHome
from fedota_client.participation import JoinOptions, take_part
from fedota_client.progress import PlainDisplay
from fedota_client.settings import ClientSettings
from fedota_proto.invite import Invite


def write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    invite_file, folder, *command = sys.argv[1:]
    invite = Invite.parse(Path(invite_file).read_text())
    home = ClientHome(Path(folder))
    home.adopt(invite)
    options = JoinOptions(app=Path(folder), worker_command=tuple(command))
    return asyncio.run(take_part(invite, home, ClientSettings(), PlainDisplay(write), options))


if __name__ == "__main__":
    sys.exit(main())
