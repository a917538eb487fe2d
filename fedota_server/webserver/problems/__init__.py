"""Problems: drafts, publishing, what a setter wishes, and what everybody reads."""

from fedota_server.webserver.problems.problems import Problems

__all__ = ["Problems"]
