"""`fedota-client`, whole, but for what it starts as its worker: ``support.scripted_worker``."""

from __future__ import annotations

import functools
import sys

from fedota_client import cli
from fedota_client.participation import JoinOptions

WORKER = (sys.executable, "-P", "-m", "support.scripted_worker")


def main() -> None:
    """Run the client's command line."""
    vars(cli)["JoinOptions"] = functools.partial(JoinOptions, worker_command=WORKER)
    cli.main()


if __name__ == "__main__":
    main()
