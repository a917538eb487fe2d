"""`fedota up` as a process, and a browser without a window for it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from fedota_server.ports import free_ports
from support.accounts import PASSWORD
from support.programs import Program, environment

MODULE = "fedota_server.cli"
EMAIL = "ada@example.org"


def unused_port() -> int:
    """Find a port for a web page."""
    (port,) = free_ports(1)
    return port


class Up:
    """A running `fedota up`.

    Parameters
    ----------
    program
        The process.
    home
        Its folder.
    url
        Where it serves.
    code
        The set-up code that it printed; empty where it printed none.
    """

    def __init__(self, program: Program, home: Path, url: str, code: str) -> None:
        self.program = program
        self.home = home
        self.url = url
        self.code = code

    def browser(self, **options: object) -> httpx.AsyncClient:
        """Make a browser that shows what it is answered, without going on by itself."""
        return httpx.AsyncClient(
            base_url=self.url,
            headers={"Origin": self.url},
            timeout=30.0,
            **options,  # type: ignore[arg-type]
        )

    async def set_up(self, browser: httpx.AsyncClient) -> None:
        """Make the first administrator, who is then signed in."""
        fields = {"code": self.code, "name": "Ada", "email": EMAIL, "password": PASSWORD}
        answer = await browser.post("/setup", data=fields)
        assert answer.status_code == 303, answer.text


@asynccontextmanager
async def up_running(home: Path, port: int, **settings: str) -> AsyncIterator[Up]:
    """Run `fedota up` for as long as the block lasts."""
    env = environment(FEDOTA_HOME=str(home), FEDOTA_WEB_PORT=str(port), **settings)
    program = await Program.start("fedota up", MODULE, ["up"], env, home.parent)
    try:
        line = await program.says("Fedota is at http")
        await program.says("Ctrl-C ends it")
        found = re.search(r"set-up code (\S+)", program.output)
        yield Up(program, home, line.split()[-1], found.group(1) if found else "")
    finally:
        await program.kill()
