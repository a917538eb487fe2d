"""`/healthz`: whether the webserver can do its work, for whatever watches it."""

from __future__ import annotations

from fedota_proto.errors import DatabaseError
from fedota_proto.release import release
from fedota_server.webserver.platform import Platform

HEALTHY, FAILING = 200, 503


def healthz(platform: Platform) -> tuple[int, dict[str, str]]:
    """Look whether the database answers; nothing in the answer needs to stay secret.

    Returns
    -------
    tuple of int and dict
        HTTP's status, 200 or 503, and the JSON body.
    """
    body = {"status": "ok", "release": release(), "database": "ok"}
    try:
        platform.database.revision()
    except DatabaseError as error:
        return FAILING, {**body, "status": "failing", "database": error.public_message}
    return HEALTHY, body
