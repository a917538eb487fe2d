"""Health check of a container: does its server accept connections?

``python -m fedota_proto.port_check VARIABLE`` takes the address, the port alone or the path of a
socket from the environment variable that the server itself listens by, and exits 0 or 1.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping, Sequence

_WAIT_S = 3.0


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Try to connect over loopback.

    Returns
    -------
    int
        0 where something accepts, 1 where nothing does or the variable is not set.
    """
    place = environ.get(arguments[0], "")
    _, _, port = place.rpartition(":")
    if not port.isdecimal() and not place.startswith("/"):
        sys.stderr.write(f"{arguments[0]} holds no port\n")
        return 1
    try:
        if place.startswith("/"):
            with socket.socket(socket.AF_UNIX) as caller:
                caller.settimeout(_WAIT_S)
                caller.connect(place)
        else:
            socket.create_connection(("127.0.0.1", int(port)), timeout=_WAIT_S).close()
    except OSError as error:
        sys.stderr.write(f"{place} does not accept connections: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
