"""How one task fails on the holder's machine: a code for the platform, a sentence for people."""

from __future__ import annotations


class TaskFailedError(Exception):
    """A task that brings no update; the worker goes on with the next one.

    Parameters
    ----------
    code
        One of ``cancelled``, ``deadline``, ``crashed``, ``diverged``, ``out-of-memory``,
        ``arrays``, ``no-holdout``, ``message-type``, ``keras``, ``app-raised``,
        ``flower-error-<n>``, or the code of a `FedotaError` that kept a worker from loading.
    reason
        What happened and, where there is something to do about it, what. It leaves this machine,
        so it holds no example and no path.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
