"""Entry point of `fedota-client`."""

from __future__ import annotations

import os


def main() -> None:
    """Run the command line.

    gRPC's core reads how loud it is when it is imported, so that is said first: its lines would
    stand between ours, and every failure is told in a sentence of ours. It also looks for proxies
    in the environment alone, and under fewer names than other programs do.
    """
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from fedota_client.command_line import app
    from fedota_client.reach.proxy import grpc_environment

    os.environ.update(grpc_environment(os.environ))

    app(prog_name="fedota-client")
