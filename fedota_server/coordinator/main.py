"""The coordinator's process, and its jobs."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Sequence

from fedota_proto.errors import FedotaError, UsageError
from fedota_proto.heap import give_back_large_blocks
from fedota_proto.settings_check import load_settings
from fedota_server.coordinator.settings import CoordinatorSettings

_log = logging.getLogger("fedota_server.coordinator")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a coordinator until it is told to stop, or a job.

    The only line of its own on standard output is ``ready host:port``.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        if given[:2] == ["job", "aggregate"]:
            from fedota_server.coordinator import aggregate_job

            sys.exit(aggregate_job.main(given[2:]))
        if given:
            raise UsageError(
                "fedota-coordinator takes its settings from FEDOTA_COORDINATOR_* variables and no "
                "arguments, but for `job aggregate`."
            )
        settings = load_settings(CoordinatorSettings)
        logging.getLogger().setLevel(settings.log_level)
        well = asyncio.run(_serve(settings))
    except FedotaError as error:
        _log.error("%s", error.public_message)
        if error.detail:
            _log.debug("%s", error.detail)
        sys.exit(error.exit_code)
    sys.exit(0 if well else 1)


async def _serve(settings: CoordinatorSettings) -> bool:
    from fedota_server.coordinator.flower_private import log_as_we_do
    from fedota_server.coordinator.process import Coordinator

    log_as_we_do()
    give_back_large_blocks()
    gc.freeze()  # what was imported is here to stay, and need not be looked through again
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return await Coordinator(settings).run(stop, _say_ready)


def _say_ready(address: str) -> None:
    sys.stdout.write(f"ready {address}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
