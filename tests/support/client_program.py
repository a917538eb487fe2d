"""`fedota-client`, whole, but for what it starts as its worker: ``support.scripted_worker``.

With ``CLIENT_PROTOCOL`` set it speaks another protocol, as a client of an older release does.
"""

from __future__ import annotations

import functools
import os
import sys

from fedota_client import cli, connection
from fedota_client.commands import join
from fedota_client.participation import JoinOptions

WORKER = (sys.executable, "-P", "-m", "support.scripted_worker")


def main() -> None:
    """Run the client's command line."""
    vars(join)["JoinOptions"] = functools.partial(JoinOptions, worker_command=WORKER)
    if "CLIENT_PROTOCOL" in os.environ:
        vars(connection)["PROTOCOL"] = int(os.environ["CLIENT_PROTOCOL"])
    cli.main()


if __name__ == "__main__":
    main()
