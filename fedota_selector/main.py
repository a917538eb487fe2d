"""The selector's process."""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
import sys

from fedota_proto import heap
from fedota_proto.blas import openblas_axpy
from fedota_proto.errors import FedotaError
from fedota_proto.settings_check import load_settings
from fedota_selector.server import SelectorServer
from fedota_selector.settings import SelectorSettings

_log = logging.getLogger("fedota_selector")


def main() -> None:
    """Run one selector until it is told to stop; the only line on standard output is `ready …`."""
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        settings = load_settings(SelectorSettings)
        logging.getLogger().setLevel(settings.log_level)
        heap.share_arenas()
        openblas_axpy()  # puts the sums on one thread before any work begins
        _allow_many_connections()
        asyncio.run(_serve(settings))
    except FedotaError as error:
        _log.error("%s", error.public_message)
        if error.detail:
            _log.debug("%s", error.detail)
        sys.exit(error.exit_code)


async def _serve(settings: SelectorSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await SelectorServer(settings).run(stop, _say_ready)


def _say_ready(address: str) -> None:
    sys.stdout.write(f"ready {address}\n")
    sys.stdout.flush()


def _allow_many_connections() -> None:
    """Raise the number of open files to what the system allows: each client needs one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    main()
