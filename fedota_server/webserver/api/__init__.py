"""The HTTP API for scripts: everything that the pages do, by bearer token."""

from fedota_server.webserver.api.factory import build_api

__all__ = ["build_api"]
