"""The webserver without its web page: ``python -m support.platform_program``; SIGTERM ends it.

Its settings are those of ``fedota up``; it writes ``running`` once everything behind the page is.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys

from fedota_proto.settings_check import load_settings
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.settings import WebserverSettings


async def run() -> None:
    """Run until a signal comes."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    async with Platform.open(load_settings(WebserverSettings)).running():
        sys.stdout.write("running\n")
        sys.stdout.flush()
        await ended.wait()


def main() -> None:
    """Run it, with its log on standard error."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    asyncio.run(run())


if __name__ == "__main__":
    main()
