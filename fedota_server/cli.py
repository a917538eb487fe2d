"""Entry point of `fedota`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line and exit.

    gRPC's core reads how loud it is when it is imported, so that is said first: its lines would
    stand between ours, and every failure is told in a sentence of ours.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from fedota_server.command_line import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
