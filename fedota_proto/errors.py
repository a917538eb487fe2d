"""The tree of errors that people and peers see.

::

    FedotaError
    ├── UsageError                 the command line or a call is wrong (exit code 2)
    ├── ProblemFileError           problem.toml, every mistake at once
    ├── ModelFileError             a .keras file that is refused
    ├── DataError                  the holder's data does not keep the format
    ├── PolicyError                the institution's policy forbids it (exit code 3)
    ├── FolderError                a folder lacks something, or something is in the way
    ├── InviteError                malformed, expired, used, foreign, revoked
    ├── AuthenticationError        a challenge, a signature or a peer's role is wrong
    ├── SessionInUseError          another process holds this node id
    ├── VersionError               two releases that do not speak the same protocol
    ├── StreamError                records or chunks that are malformed, truncated or too long
    ├── UpdateRejectedError        an update fails a check
    ├── TaskOverError              the round no longer takes this update
    ├── BusyError                  come back later
    ├── UnreachableError           a peer does not answer
    ├── RoundAbandonedError        a round ends without a model
    ├── CheckpointError            a checkpoint is missing, damaged or cannot be rolled back to
    ├── StrategyError              a strategy raised, or returned nothing usable
    ├── WorkerError                training failed on the holder's machine
    ├── ServerStartError           a coordinator or selector did not start
    │   ├── EngineAwayError        what would start it does not answer at present
    │   └── NetworkOverlapError    its network's addresses are another network's
    ├── CommandRefusedError        the coordinator refuses an operator's command
    ├── SignInError                nobody is signed in, or not with this password or token
    ├── ForbiddenError             who is signed in may not do this
    ├── NotFoundError              there is no such problem, user, round …
    ├── ConflictError              it cannot be done in this state, or is taken already
    ├── DatabaseError              the database does not answer, or is of another release
    └── InternalError              a defect of Fedota's own
"""

from __future__ import annotations

from typing import ClassVar

import grpc


class FedotaError(Exception):
    """Base of all errors that a person or a peer may see.

    Parameters
    ----------
    public_message
        What happened, where, and what to do about it, in one sentence or a few.
    detail
        For the log alone; never sent to a peer.
    """

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False
    status: ClassVar[grpc.StatusCode] = grpc.StatusCode.INTERNAL
    exit_code: ClassVar[int] = 1

    def __init__(self, public_message: str, *, detail: str = "") -> None:
        super().__init__(public_message)
        self.public_message = public_message
        self.detail = detail


class UsageError(FedotaError):
    """A command line or call that is wrong in itself."""

    code = "usage"
    status = grpc.StatusCode.INVALID_ARGUMENT
    exit_code = 2


class ProblemFileError(FedotaError):
    """A problem.toml with mistakes; `mistakes` lists them all, each with its place."""

    code = "problem-file"
    status = grpc.StatusCode.INVALID_ARGUMENT

    def __init__(self, public_message: str, mistakes: tuple[str, ...] = ()) -> None:
        super().__init__(public_message)
        self.mistakes = mistakes


class ModelFileError(FedotaError):
    """A model file that is refused; `place` names the layer, key or member."""

    code = "model-file"
    status = grpc.StatusCode.INVALID_ARGUMENT

    def __init__(self, public_message: str, *, place: str = "") -> None:
        super().__init__(public_message)
        self.place = place


class DataError(FedotaError):
    """Data that does not keep the declared format."""

    code = "data"
    status = grpc.StatusCode.INVALID_ARGUMENT


class PolicyError(FedotaError):
    """Something that the policy of the data holder's institution forbids."""

    code = "policy"
    status = grpc.StatusCode.PERMISSION_DENIED
    exit_code = 3


class FolderError(FedotaError):
    """A folder that lacks something, cannot be written, or has something in the way."""

    code = "folder"
    status = grpc.StatusCode.FAILED_PRECONDITION


class InviteError(FedotaError):
    """An invite that opens nothing: malformed, expired, used, foreign or revoked."""

    code = "invite"
    status = grpc.StatusCode.PERMISSION_DENIED


class AuthenticationError(FedotaError):
    """A challenge, a signature or a peer's role that is wrong."""

    code = "authentication"
    status = grpc.StatusCode.UNAUTHENTICATED


class SessionInUseError(FedotaError):
    """Another process holds this node id; `since_unix_s` says since when."""

    code = "session-in-use"
    retryable = True
    status = grpc.StatusCode.ALREADY_EXISTS

    def __init__(self, public_message: str, *, since_unix_s: float = 0.0) -> None:
        super().__init__(public_message)
        self.since_unix_s = since_unix_s


class VersionError(FedotaError):
    """Two releases that do not speak the same protocol."""

    code = "version"
    status = grpc.StatusCode.FAILED_PRECONDITION

    def __init__(self, public_message: str, *, ours: int = 0, theirs: int = 0) -> None:
        super().__init__(public_message)
        self.ours = ours
        self.theirs = theirs


class StreamError(FedotaError):
    """Records or chunks that are malformed, truncated or longer than declared."""

    code = "stream"
    status = grpc.StatusCode.INVALID_ARGUMENT


class UpdateRejectedError(FedotaError):
    """An update that fails a check; `reason_code` names the check."""

    code = "update-rejected"
    status = grpc.StatusCode.INVALID_ARGUMENT

    def __init__(self, reason_code: str, public_message: str) -> None:
        super().__init__(public_message)
        self.reason_code = reason_code


class TaskOverError(FedotaError):
    """A task that is no longer open: late, cancelled, or never this client's."""

    code = "task-over"
    status = grpc.StatusCode.FAILED_PRECONDITION


class BusyError(FedotaError):
    """The peer cannot take this now; `retry_after_s` says when to come back."""

    code = "busy"
    retryable = True
    status = grpc.StatusCode.RESOURCE_EXHAUSTED

    def __init__(self, public_message: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(public_message)
        self.retry_after_s = retry_after_s


class UnreachableError(FedotaError):
    """A peer that does not answer at its address."""

    code = "unreachable"
    retryable = True
    status = grpc.StatusCode.UNAVAILABLE


class RoundAbandonedError(FedotaError):
    """A round that ended without a model; the global model is unchanged."""

    code = "round-abandoned"
    retryable = True
    status = grpc.StatusCode.ABORTED

    def __init__(
        self, public_message: str, *, stage: str = "", got: int = 0, minimum: int = 0
    ) -> None:
        super().__init__(public_message)
        self.stage = stage
        self.got = got
        self.minimum = minimum


class CheckpointError(FedotaError):
    """A checkpoint that is missing, damaged, or cannot be rolled back to."""

    code = "checkpoint"
    status = grpc.StatusCode.NOT_FOUND


class StrategyError(FedotaError):
    """A strategy that raised, or returned nothing usable."""

    code = "strategy"
    status = grpc.StatusCode.ABORTED


class WorkerError(FedotaError):
    """Training or evaluation that failed on the holder's machine."""

    code = "worker"
    status = grpc.StatusCode.ABORTED


class ServerStartError(FedotaError):
    """A coordinator or selector that did not start, with the end of its log."""

    code = "server-start"
    status = grpc.StatusCode.UNAVAILABLE


class EngineAwayError(ServerStartError):
    """The Docker engine that runs the servers does not answer at present."""

    code = "engine-away"
    retryable = True
    status = grpc.StatusCode.UNAVAILABLE


class NetworkOverlapError(ServerStartError):
    """The addresses that were asked for are in use by another network of the Docker engine."""

    code = "network-overlap"
    status = grpc.StatusCode.UNAVAILABLE


class CommandRefusedError(FedotaError):
    """An operator's command that the coordinator refuses, with its reason."""

    code = "command-refused"
    status = grpc.StatusCode.FAILED_PRECONDITION


class SignInError(FedotaError):
    """Nobody is signed in, or the password, code or token is wrong."""

    code = "sign-in"
    status = grpc.StatusCode.UNAUTHENTICATED


class ForbiddenError(FedotaError):
    """Whoever is signed in may not do this."""

    code = "forbidden"
    status = grpc.StatusCode.PERMISSION_DENIED


class NotFoundError(FedotaError):
    """Something named that is not there, or that the asker may not know of."""

    code = "not-found"
    status = grpc.StatusCode.NOT_FOUND


class ConflictError(FedotaError):
    """Something that cannot be done in this state, or a name that is taken."""

    code = "conflict"
    status = grpc.StatusCode.FAILED_PRECONDITION


class DatabaseError(FedotaError):
    """The database does not answer, refuses, or is of another release."""

    code = "database"
    retryable = True
    status = grpc.StatusCode.UNAVAILABLE


class InternalError(FedotaError):
    """A defect of Fedota's own; the peer learns that much and an id that is in the log."""

    code = "internal"
    status = grpc.StatusCode.INTERNAL


def error_tree() -> list[type[FedotaError]]:
    """List the base and every error below it, parents first.

    Returns
    -------
    list of type
        Every class of the tree, each once.
    """
    found: list[type[FedotaError]] = [FedotaError]
    for cls in found:
        found.extend(cls.__subclasses__())
    return found
